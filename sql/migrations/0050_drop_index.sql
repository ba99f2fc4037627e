-- Whoever looks for a task's messages knows its run. A partitioned index cannot be dropped concurrently.
-- squawk-ignore require-concurrent-index-deletion
drop index if exists dreamlit._messages_task_id_idx;
