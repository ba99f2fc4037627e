"""What the engine costs and carries, always beside a bare baseline of the same run.

A module a bench, each with a function `run(place, extent) -> Result`; `benches` lists them.
"""

from __future__ import annotations
