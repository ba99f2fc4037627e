"""The job queues that the engine is measured against, each set up as its own documentation says is fastest.

A module a peer, run as processes of its own (`child`), so that none shares an interpreter with the bench.
`kinds` has what the bench knows about each, `process` starts and drives them, `measure` does a round.
"""

from __future__ import annotations
