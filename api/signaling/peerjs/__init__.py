"""``/peerjs``: the PeerServer protocol. Peers call each other, or ``mcu:<room>`` and get the composite."""
