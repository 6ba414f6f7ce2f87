"""The data that crosses a border: commands, events, nouns and wire envelopes. The one definition of each.

Depends on pydantic alone; importing it loads no media library.
"""
