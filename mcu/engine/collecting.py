"""When Python's collector looks at everything.

What rooms and people leave behind, a peer, a room with all its parts, is partly tied in circles, and goes when the
oldest generation is collected. CPython does that when a quarter as many objects as there were the last time have lived
through the younger collections (``long_lived_pending`` in its gcmodule.c). Most of all objects come from loading the
libraries, some two hundred thousand: what dozens of guests and rooms had left waited for each other.
"""

import gc


def leave_out_what_is_loaded() -> None:
    """What there is now is never looked at again: a collection is about what came later, comes as soon as a quarter
    of that may be garbage, and is short. Call it once, when everything is loaded; it takes a tenth of a second.
    """
    gc.collect()
    gc.freeze()
    gc.collect()  # of next to nothing: only a whole collection counts again how many there are
