"""The rules: pure functions of facts and time. One file a family; `FINDINGS` names them all.

A rule returns the finding as the facts stand at `now_us`, or None where there is nothing to say (any
more). It is asked again whenever a fact or the time could change its mind, in any order, and gives
the same verdict for the same facts.
"""
