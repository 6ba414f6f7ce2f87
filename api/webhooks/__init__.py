"""Telling other servers what happens in rooms: signed, in order, at least once."""
