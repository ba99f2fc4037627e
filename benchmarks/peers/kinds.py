"""Every peer: its package, what tells that all is done, and what it keeps."""

from __future__ import annotations

from benchmarks.peers.process import Kind

SLOW = 5_000

KINDS = (
    Kind(
        name="pgmq",
        package="pgmq",
        open="select exists (select from pgmq.q_peer)",
        keeps="each message in an archive table",
    ),
    Kind(
        name="graphile-worker",
        package="graphile-worker",
        open="select exists (select from graphile_worker._private_jobs)",
        keeps="nothing: a job that is done is deleted",
    ),
    Kind(
        name="pgqueuer",
        package="pgqueuer",
        open="select exists (select from pgqueuer)",
        keeps="a log of states; the job with its payload is deleted",
    ),
    Kind(
        name="procrastinate",
        package="procrastinate",
        open="select exists (select from procrastinate_jobs where status in ('todo', 'doing'))",
        keeps="jobs and their events",
        most=SLOW,
    ),
    Kind(
        name="dbos",
        package="dbos",
        open="select exists (select from dbos.workflow_status where status in ('ENQUEUED', 'PENDING'))",
        keeps="each workflow with inputs and output",
        most=SLOW,
    ),
    Kind(
        name="absurd",
        package="absurd-sdk",
        open="select exists (select from absurd.t_bench where state in ('pending', 'running'))",
        keeps="each task and run with parameters and result",
        most=SLOW,
    ),
)
