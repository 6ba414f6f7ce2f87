"""The Python client: join a room, send sources, watch and record the composite."""
