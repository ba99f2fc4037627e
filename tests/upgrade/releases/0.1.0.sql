begin;
-- Everything that an installation makes, in this order, in one transaction. dreamlit install runs it; dreamlit install --print
-- prints it whole. Tables are made once and changed by migrations; everything below them is made anew each time. Pinned first of
-- all: whoever installs may be a superuser, and in the schema public anybody may have put a function called format.
set local search_path = pg_catalog, pg_temp;
select pg_advisory_xact_lock(hashtext('dreamlit'), hashtext('install'));
-- What the engine stands on. What is made here is noted, so that uninstalling can take it away again.
do $prerequisites$
declare
  v_superuser constant boolean := (select r.rolsuper from pg_catalog.pg_roles as r where r.rolname = current_user);
  v_made text[] := '{}';
begin
  if current_setting('server_version_num')::integer < 140000 then
    raise exception using errcode = 'DL005', message = format('this server is PostgreSQL %s', current_setting('server_version')),
      hint = 'dreamlit needs PostgreSQL 14 or later';
  end if;
  if not has_database_privilege(current_database(), 'CREATE') then
    raise exception using errcode = 'DL005',
      message = format('%s may not create schemas in %s', current_user, current_database()),
      hint = format('let the owner say: grant create on database %I to %I', current_database(), current_user);
  end if;
  if not v_superuser and not (select r.rolcreaterole from pg_catalog.pg_roles as r where r.rolname = current_user)
    and not pg_has_role(current_user, coalesce((select r.oid from pg_catalog.pg_roles as r where r.rolname = 'dreamlit_owner'), 0), 'usage')
  then
    raise exception using errcode = 'DL005', message = format('%s may not create roles', current_user),
      hint = 'install as a superuser or as a role with CREATEROLE';
  end if;
  if exists (
    select from pg_catalog.pg_namespace as n
    where n.nspname in ('dreamlit', 'dreamlit_workflows') and pg_get_userbyid(n.nspowner) <> 'dreamlit_owner')
  then
    raise exception using errcode = 'DL005', message = 'there is a schema dreamlit or dreamlit_workflows that is not ours',
      hint = 'rename or drop it: what somebody else put there would run with our rights';
  end if;
  if to_regclass('dreamlit._releases') is null then
    perform set_config('dreamlit.fresh', 'true', true);
  else
    perform set_config('dreamlit.fresh', 'false', true);
  end if;

  if to_regnamespace('pgmq') is null then
    v_made := v_made || 'pgmq'::text;
    if exists (select from pg_catalog.pg_available_extensions as e where e.name = 'pgmq') and v_superuser then
      create extension pgmq;
    else
      execute $pgmq_source$
------------------------------------------------------------
-- Schema, tables, records, privileges, indexes, etc
------------------------------------------------------------
-- When installed as an extension, we don't need to create the `pgmq` schema
-- because it is automatically created by postgres due to being declared in
-- the extension control file
DO
$$
BEGIN
    IF (SELECT NOT EXISTS( SELECT 1 FROM pg_extension WHERE extname = 'pgmq')) THEN
      CREATE SCHEMA IF NOT EXISTS pgmq;
    END IF;
END
$$;

-- Table where queues and metadata about them is stored
CREATE TABLE IF NOT EXISTS pgmq.meta (
    queue_name VARCHAR UNIQUE NOT NULL,
    is_partitioned BOOLEAN NOT NULL,
    is_unlogged BOOLEAN NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL
);

-- Grant permission to pg_monitor to all tables and sequences
-- These grants are intentionally placed here (after creating `pgmq.meta` but before creating other tables). This
-- allows the `pg_dump` output for a fresh installation to match the output for an installation that followed the
-- upgrade path.
GRANT USAGE ON SCHEMA pgmq TO pg_monitor;
GRANT SELECT ON ALL TABLES IN SCHEMA pgmq TO pg_monitor;
GRANT SELECT ON ALL SEQUENCES IN SCHEMA pgmq TO pg_monitor;
ALTER DEFAULT PRIVILEGES IN SCHEMA pgmq GRANT SELECT ON TABLES TO pg_monitor;
ALTER DEFAULT PRIVILEGES IN SCHEMA pgmq GRANT SELECT ON SEQUENCES TO pg_monitor;

-- Table to track notification throttling for queues
CREATE UNLOGGED TABLE IF NOT EXISTS pgmq.notify_insert_throttle (
    queue_name           VARCHAR UNIQUE NOT NULL -- Queue name (without 'q_' prefix)
       CONSTRAINT notify_insert_throttle_meta_queue_name_fk
            REFERENCES pgmq.meta (queue_name)
            ON DELETE CASCADE,
    throttle_interval_ms INTEGER NOT NULL DEFAULT 0, -- Min milliseconds between notifications (0 = no throttling)
    last_notified_at     TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT to_timestamp(0) -- Timestamp of last sent notification
);

CREATE INDEX IF NOT EXISTS idx_notify_throttle_active
    ON pgmq.notify_insert_throttle (queue_name, last_notified_at)
    WHERE throttle_interval_ms > 0;

CREATE TABLE IF NOT EXISTS pgmq.topic_bindings
(
    pattern        text NOT NULL, -- Wildcard pattern for routing key matching (* = one segment, # = zero or more segments)
    queue_name     text NOT NULL  -- Name of the queue that receives messages when pattern matches
        CONSTRAINT topic_bindings_meta_queue_name_fk
            REFERENCES pgmq.meta (queue_name)
            ON DELETE CASCADE,
    bound_at       TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, -- Timestamp when the binding was created
    compiled_regex text GENERATED ALWAYS AS (
        -- Pre-compile the pattern to regex for faster matching
        -- This avoids runtime compilation on every send_topic call
        '^' ||
        replace(
                replace(
                        regexp_replace(pattern, '([.+?{}()|\[\]\\^$])', '\\\1', 'g'),
                        '*', '[^.]+'
                ),
                '#', '.*'
        ) || '$'
        ) STORED,                 -- Computed column: stores the compiled regex pattern
    CONSTRAINT topic_bindings_unique_pattern_queue UNIQUE (pattern, queue_name)
);

-- Create covering index for better performance when scanning patterns
-- Includes queue_name and compiled_regex to allow index-only scans (no table access needed)
CREATE INDEX IF NOT EXISTS idx_topic_bindings_covering ON pgmq.topic_bindings (pattern) INCLUDE (queue_name, compiled_regex);

-- Allow the following `pgmq` tables to be dumped by `pg_dump` when pgmq is installed as an extension
DO
$$
BEGIN
    IF EXISTS(SELECT 1 FROM pg_extension WHERE extname = 'pgmq') THEN
        PERFORM pg_catalog.pg_extension_config_dump('pgmq.meta', '');
        PERFORM pg_catalog.pg_extension_config_dump('pgmq.notify_insert_throttle', '');
        PERFORM pg_catalog.pg_extension_config_dump('pgmq.topic_bindings', '');
    END IF;
END
$$;

-- This type has the shape of a message in a queue, and is often returned by
-- pgmq functions that return messages.
-- Note: Changing the order of fields in this type is a breaking change -- our Rust Diesel client implementation
-- expects a specific order of fields.
CREATE TYPE pgmq.message_record AS (
    msg_id BIGINT,
    read_ct INTEGER,
    enqueued_at TIMESTAMP WITH TIME ZONE,
    last_read_at TIMESTAMP WITH TIME ZONE,
    vt TIMESTAMP WITH TIME ZONE,
    message JSONB,
    headers JSONB
);

-- Note: Changing the order of fields in this type is a breaking change -- our Rust Diesel client implementation
-- expects a specific order of fields.
CREATE TYPE pgmq.queue_record AS (
    queue_name VARCHAR,
    is_partitioned BOOLEAN,
    is_unlogged BOOLEAN,
    created_at TIMESTAMP WITH TIME ZONE
);

------------------------------------------------------------
-- Functions
------------------------------------------------------------

-- prevents race conditions during queue creation by acquiring a transaction-level advisory lock
-- uses a transaction advisory lock maintain the lock until transaction commit
-- a race condition would still exist if lock was released before commit
CREATE FUNCTION pgmq.acquire_queue_lock(queue_name TEXT)
RETURNS void AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('pgmq.queue_' || queue_name));
END;
$$ LANGUAGE plpgsql;

-- read_grouped_round_robin
-- reads messages while preserving FIFO within groups and interleaving across groups (layered round-robin)
CREATE FUNCTION pgmq.read_grouped_rr(
    queue_name TEXT,
    vt INTEGER,
    qty INTEGER
)
RETURNS SETOF pgmq.message_record AS $$
DECLARE
    sql TEXT;
    qtable TEXT := pgmq.format_table_name(queue_name, 'q');
BEGIN
    sql := FORMAT(
        $QUERY$
        WITH fifo_groups AS (
            -- Determine the absolute head (oldest) message id per FIFO group, regardless of visibility
            SELECT
                COALESCE(headers->>'x-pgmq-group', '_default_fifo_group') AS fifo_key,
                MIN(msg_id) AS head_msg_id
            FROM pgmq.%1$I
            GROUP BY COALESCE(headers->>'x-pgmq-group', '_default_fifo_group')
        ),
        eligible_groups AS (
            -- Only groups whose head message is currently visible
            -- Acquire a transaction-level advisory lock per group to prevent concurrent selection
            SELECT
                g.fifo_key,
                g.head_msg_id,
                ROW_NUMBER() OVER (ORDER BY g.head_msg_id) AS group_priority
            FROM fifo_groups g
            JOIN pgmq.%2$I h ON h.msg_id = g.head_msg_id
            WHERE h.vt <= clock_timestamp()
              AND pg_try_advisory_xact_lock(pg_catalog.hashtextextended(g.fifo_key, 0))
        ),
        available_messages AS (
            -- All currently visible messages starting at the head for each eligible group
            SELECT
                m.msg_id,
                eg.group_priority,
                ROW_NUMBER() OVER (
                    PARTITION BY eg.fifo_key
                    ORDER BY m.msg_id
                ) AS msg_rank_in_group
            FROM pgmq.%3$I m
            JOIN eligible_groups eg
              ON COALESCE(m.headers->>'x-pgmq-group', '_default_fifo_group') = eg.fifo_key
            WHERE m.vt <= clock_timestamp()
              AND m.msg_id >= eg.head_msg_id
        ),
        ordered_messages AS (
            -- Layered round-robin: take rank 1 of all groups by group_priority, then rank 2, etc.
            -- Assign selection order before locking
            SELECT msg_id, ROW_NUMBER() OVER (ORDER BY msg_rank_in_group, group_priority) as selection_order
            FROM available_messages
        ),
        selected_messages AS (
            -- Lock the messages in the correct order, preserving selection_order
            SELECT om.msg_id, om.selection_order
            FROM ordered_messages om
            JOIN pgmq.%4$I m ON m.msg_id = om.msg_id
            WHERE om.selection_order <= $1
            ORDER BY om.selection_order
            FOR UPDATE OF m SKIP LOCKED
        ),
        updated_messages AS (
            UPDATE pgmq.%5$I m
            SET
                vt = clock_timestamp() + %6$L,
                read_ct = read_ct + 1,
                last_read_at = clock_timestamp()
            FROM selected_messages sm
            WHERE m.msg_id = sm.msg_id
              AND m.vt <= clock_timestamp() -- final guard to avoid duplicate reads under races
            RETURNING m.msg_id, m.read_ct, m.enqueued_at, m.last_read_at, m.vt, m.message, m.headers, sm.selection_order
        )
        SELECT msg_id, read_ct, enqueued_at, last_read_at, vt, message, headers
        FROM updated_messages
        ORDER BY selection_order;
        $QUERY$,
        qtable, qtable, qtable, qtable, qtable, make_interval(secs => vt)
    );
    RETURN QUERY EXECUTE sql USING qty;
END;
$$ LANGUAGE plpgsql;

-- read_grouped_rr_with_poll
-- reads messages using round-robin layering across groups, with polling support
CREATE FUNCTION pgmq.read_grouped_rr_with_poll(
    queue_name TEXT,
    vt INTEGER,
    qty INTEGER,
    max_poll_seconds INTEGER DEFAULT 5,
    poll_interval_ms INTEGER DEFAULT 100
)
RETURNS SETOF pgmq.message_record AS $$
DECLARE
    r pgmq.message_record;
    stop_at TIMESTAMP;
BEGIN
    stop_at := clock_timestamp() + make_interval(secs => max_poll_seconds);
    LOOP
      IF (SELECT clock_timestamp() >= stop_at) THEN
        RETURN;
      END IF;

      FOR r IN
        SELECT * FROM pgmq.read_grouped_rr(queue_name, vt, qty)
      LOOP
        RETURN NEXT r;
      END LOOP;
      IF FOUND THEN
        RETURN;
      ELSE
        PERFORM pg_sleep(poll_interval_ms::numeric / 1000);
      END IF;
    END LOOP;
END;
$$ LANGUAGE plpgsql;

-- read_grouped_head:  read the head of N different FIFO groups in a single operation.
-- This supports horizontal scaling by processing groups in parallel while ensuring message ordering is preserved per group.
CREATE FUNCTION pgmq.read_grouped_head(
    queue_name TEXT,
    vt INTEGER,
    qty INTEGER
)
RETURNS SETOF pgmq.message_record AS $$
DECLARE
    sql TEXT;
    qtable TEXT := pgmq.format_table_name(queue_name, 'q');
BEGIN
    sql := FORMAT(
        $QUERY$
        WITH fifo_groups AS (
            -- Determine the absolute head (oldest) message id per FIFO group, regardless of visibility
            SELECT
                COALESCE(headers->>'x-pgmq-group', '_default_fifo_group') AS fifo_key,
                MIN(msg_id) AS head_msg_id
            FROM pgmq.%1$I
            GROUP BY COALESCE(headers->>'x-pgmq-group', '_default_fifo_group')
        ),
        selected_messages AS (
            -- Take at most 1 message per group
            SELECT g.head_msg_id msg_id
            FROM fifo_groups g
            JOIN pgmq.%1$I q ON q.msg_id = g.head_msg_id
	        WHERE q.vt <= clock_timestamp()
            ORDER BY q.msg_id
            LIMIT $1
            FOR UPDATE SKIP LOCKED
        )
        UPDATE pgmq.%1$I m
        SET
            vt = clock_timestamp() + %2$L,
            read_ct = read_ct + 1,
            last_read_at = clock_timestamp()
        FROM selected_messages sm
        WHERE m.msg_id = sm.msg_id
        RETURNING m.msg_id, m.read_ct, m.enqueued_at, m.last_read_at, m.vt, m.message, m.headers;
        $QUERY$,
        qtable, make_interval(secs => vt)
    );
    RETURN QUERY EXECUTE sql USING qty;
END;
$$ LANGUAGE plpgsql;

-- read_grouped_head_with_poll
-- reads the head of N different FIFO groups in a single operation, with polling support
CREATE FUNCTION pgmq.read_grouped_head_with_poll(
    queue_name TEXT,
    vt INTEGER,
    qty INTEGER,
    max_poll_seconds INTEGER DEFAULT 5,
    poll_interval_ms INTEGER DEFAULT 100
)
RETURNS SETOF pgmq.message_record AS $$
DECLARE
    r pgmq.message_record;
    stop_at TIMESTAMPTZ;
BEGIN
    stop_at := clock_timestamp() + make_interval(secs => max_poll_seconds);
    LOOP
      IF clock_timestamp() >= stop_at THEN
        RETURN;
      END IF;

      FOR r IN
        SELECT * FROM pgmq.read_grouped_head(queue_name, vt, qty)
      LOOP
        RETURN NEXT r;
      END LOOP;
      IF FOUND THEN
        RETURN;
      ELSE
        PERFORM pg_sleep(poll_interval_ms::numeric / 1000);
      END IF;
    END LOOP;
END;
$$ LANGUAGE plpgsql;

-- a helper to format table names and check for invalid characters
CREATE FUNCTION pgmq.format_table_name(queue_name text, prefix text)
RETURNS TEXT AS $$
BEGIN
    IF queue_name ~ '\$|;|--|'''
    THEN
        RAISE EXCEPTION 'queue name contains invalid characters: $, ;, --, or \''';
    END IF;
    RETURN lower(prefix || '_' || queue_name);
END;
$$ LANGUAGE plpgsql;

-- read
-- reads a number of messages from a queue, setting a visibility timeout on them
CREATE FUNCTION pgmq.read(
    queue_name TEXT,
    vt INTEGER,
    qty INTEGER,
    conditional JSONB DEFAULT '{}'
)
RETURNS SETOF pgmq.message_record AS $$
DECLARE
    sql TEXT;
    qtable TEXT := pgmq.format_table_name(queue_name, 'q');
BEGIN
    sql := FORMAT(
        $QUERY$
        WITH cte AS
        (
            SELECT msg_id
            FROM pgmq.%I
            WHERE vt <= clock_timestamp() AND CASE
                WHEN %L != '{}'::jsonb THEN (message @> %2$L)::integer
                ELSE 1
            END = 1
            ORDER BY msg_id ASC
            LIMIT $1
            FOR UPDATE SKIP LOCKED
        )
        UPDATE pgmq.%I m
        SET
            last_read_at = clock_timestamp(),
            vt = clock_timestamp() + %L,
            read_ct = read_ct + 1
        FROM cte
        WHERE m.msg_id = cte.msg_id
        RETURNING m.msg_id, m.read_ct, m.enqueued_at, m.last_read_at, m.vt, m.message, m.headers;
        $QUERY$,
        qtable, conditional, qtable, make_interval(secs => vt)
    );
    RETURN QUERY EXECUTE sql USING qty;
END;
$$ LANGUAGE plpgsql;

-- read_grouped
-- reads messages with AWS SQS FIFO-style batch retrieval behavior
-- attempts to return as many messages as possible from the same message group
CREATE FUNCTION pgmq.read_grouped(
    queue_name TEXT,
    vt INTEGER,
    qty INTEGER
)
RETURNS SETOF pgmq.message_record AS $$
DECLARE
    sql TEXT;
    qtable TEXT := pgmq.format_table_name(queue_name, 'q');
BEGIN
    sql := FORMAT(
        $QUERY$
        WITH fifo_groups AS (
            -- Find the minimum msg_id for each FIFO group that's ready to be processed
            SELECT
                COALESCE(headers->>'x-pgmq-group', '_default_fifo_group') as fifo_key,
                MIN(msg_id) as min_msg_id
            FROM pgmq.%I
            WHERE vt <= clock_timestamp()
            GROUP BY COALESCE(headers->>'x-pgmq-group', '_default_fifo_group')
        ),
        locked_groups AS (
            -- Lock the first available message in each FIFO group
            SELECT
                m.msg_id,
                fg.fifo_key
            FROM pgmq.%I m
            INNER JOIN fifo_groups fg ON
                COALESCE(m.headers->>'x-pgmq-group', '_default_fifo_group') = fg.fifo_key
                AND m.msg_id = fg.min_msg_id
            WHERE m.vt <= clock_timestamp()
            ORDER BY m.msg_id ASC
            FOR UPDATE SKIP LOCKED
        ),
        group_priorities AS (
            -- Assign priority to groups based on their oldest message
            SELECT
                fifo_key,
                msg_id as min_msg_id,
                ROW_NUMBER() OVER (ORDER BY msg_id) as group_priority
            FROM locked_groups
        ),
        filtered_groups as (
            SELECT * FROM group_priorities gp
            WHERE NOT EXISTS (
                -- Ensure no earlier message in this group is currently being processed
                SELECT 1
                FROM pgmq.%I m2
                WHERE COALESCE(m2.headers->>'x-pgmq-group', '_default_fifo_group') = gp.fifo_key
                AND m2.vt > clock_timestamp()
                AND m2.msg_id < gp.min_msg_id
            )
        ),
        available_messages as (
            SELECT gp.fifo_key, t.msg_id,gp.group_priority,
                ROW_NUMBER() OVER (PARTITION BY gp.fifo_key ORDER BY t.msg_id) as msg_rank_in_group
            FROM filtered_groups gp
            CROSS JOIN LATERAL (
                SELECT *
                FROM pgmq.%I t
                WHERE COALESCE(t.headers->>'x-pgmq-group', '_default_fifo_group') = gp.fifo_key
                AND t.vt <= clock_timestamp()
                ORDER BY msg_id
                LIMIT $1  -- tip to limit query impact, we know we need at most qty in each group
            ) t
            ORDER BY gp.group_priority
        ),
        batch_selection AS (
            -- Select messages to fill batch, prioritizing earliest group
            SELECT
                msg_id,
                ROW_NUMBER() OVER (ORDER BY group_priority, msg_rank_in_group) as overall_rank
            FROM available_messages
        ),
        selected_messages AS (
            -- Limit to requested quantity
            SELECT msg_id
            FROM batch_selection
            WHERE overall_rank <= $1
            ORDER BY msg_id
            FOR UPDATE SKIP LOCKED
        )
        UPDATE pgmq.%I m
        SET
            vt = clock_timestamp() + %L,
            read_ct = read_ct + 1,
            last_read_at = clock_timestamp()
        FROM selected_messages sm
        WHERE m.msg_id = sm.msg_id
        RETURNING m.msg_id, m.read_ct, m.enqueued_at, m.last_read_at, m.vt, m.message, m.headers;
        $QUERY$,
        qtable, qtable, qtable, qtable, qtable, make_interval(secs => vt)
    );
    RETURN QUERY EXECUTE sql USING qty;
END;
$$ LANGUAGE plpgsql;

-- read_grouped_with_poll
-- reads messages with AWS SQS FIFO-style batch retrieval behavior, with polling support
CREATE FUNCTION pgmq.read_grouped_with_poll(
    queue_name TEXT,
    vt INTEGER,
    qty INTEGER,
    max_poll_seconds INTEGER DEFAULT 5,
    poll_interval_ms INTEGER DEFAULT 100
)
RETURNS SETOF pgmq.message_record AS $$
DECLARE
    r pgmq.message_record;
    stop_at TIMESTAMP;
BEGIN
    stop_at := clock_timestamp() + make_interval(secs => max_poll_seconds);
    LOOP
      IF (SELECT clock_timestamp() >= stop_at) THEN
        RETURN;
      END IF;

      FOR r IN
        SELECT * FROM pgmq.read_grouped(queue_name, vt, qty)
      LOOP
        RETURN NEXT r;
      END LOOP;
      IF FOUND THEN
        RETURN;
      ELSE
        PERFORM pg_sleep(poll_interval_ms::numeric / 1000);
      END IF;
    END LOOP;
END;
$$ LANGUAGE plpgsql;

---- read_with_poll
---- reads a number of messages from a queue, setting a visibility timeout on them
CREATE FUNCTION pgmq.read_with_poll(
    queue_name TEXT,
    vt INTEGER,
    qty INTEGER,
    max_poll_seconds INTEGER DEFAULT 5,
    poll_interval_ms INTEGER DEFAULT 100,
    conditional JSONB DEFAULT '{}'
)
RETURNS SETOF pgmq.message_record AS $$
DECLARE
    r pgmq.message_record;
    stop_at TIMESTAMP;
    sql TEXT;
    qtable TEXT := pgmq.format_table_name(queue_name, 'q');
BEGIN
    stop_at := clock_timestamp() + make_interval(secs => max_poll_seconds);
    LOOP
      IF (SELECT clock_timestamp() >= stop_at) THEN
        RETURN;
      END IF;

      sql := FORMAT(
          $QUERY$
          WITH cte AS
          (
              SELECT msg_id
              FROM pgmq.%I
              WHERE vt <= clock_timestamp() AND CASE
                  WHEN %L != '{}'::jsonb THEN (message @> %2$L)::integer
                  ELSE 1
              END = 1
              ORDER BY msg_id ASC
              LIMIT $1
              FOR UPDATE SKIP LOCKED
          )
          UPDATE pgmq.%I m
          SET
              last_read_at = clock_timestamp(),
              vt = clock_timestamp() + %L,
              read_ct = read_ct + 1
          FROM cte
          WHERE m.msg_id = cte.msg_id
          RETURNING m.msg_id, m.read_ct, m.enqueued_at, m.last_read_at, m.vt, m.message, m.headers;
          $QUERY$,
          qtable, conditional, qtable, make_interval(secs => vt)
      );

      FOR r IN
        EXECUTE sql USING qty
      LOOP
        RETURN NEXT r;
      END LOOP;
      IF FOUND THEN
        RETURN;
      ELSE
        PERFORM pg_sleep(poll_interval_ms::numeric / 1000);
      END IF;
    END LOOP;
END;
$$ LANGUAGE plpgsql;

---- archive
---- removes a message from the queue, and sends it to the archive, where its
---- saved permanently.
CREATE FUNCTION pgmq.archive(
    queue_name TEXT,
    msg_id BIGINT
)
RETURNS BOOLEAN AS $$
DECLARE
    sql TEXT;
    result BIGINT;
    qtable TEXT := pgmq.format_table_name(queue_name, 'q');
    atable TEXT := pgmq.format_table_name(queue_name, 'a');
BEGIN
    sql := FORMAT(
        $QUERY$
        WITH archived AS (
            DELETE FROM pgmq.%I
            WHERE msg_id = $1
            RETURNING msg_id, vt, read_ct, enqueued_at, last_read_at, message, headers
        )
        INSERT INTO pgmq.%I (msg_id, vt, read_ct, enqueued_at, last_read_at, message, headers)
        SELECT msg_id, vt, read_ct, enqueued_at, last_read_at, message, headers
        FROM archived
        RETURNING msg_id;
        $QUERY$,
        qtable, atable
    );
    EXECUTE sql USING msg_id INTO result;
    RETURN NOT (result IS NULL);
END;
$$ LANGUAGE plpgsql;

---- archive
---- removes an array of message ids from the queue, and sends it to the archive,
---- where these messages will be saved permanently.
CREATE FUNCTION pgmq.archive(
    queue_name TEXT,
    msg_ids BIGINT[]
)
RETURNS SETOF BIGINT AS $$
DECLARE
    sql TEXT;
    qtable TEXT := pgmq.format_table_name(queue_name, 'q');
    atable TEXT := pgmq.format_table_name(queue_name, 'a');
BEGIN
    sql := FORMAT(
        $QUERY$
        WITH archived AS (
            DELETE FROM pgmq.%I
            WHERE msg_id = ANY($1)
            RETURNING msg_id, vt, read_ct, enqueued_at, last_read_at, message, headers
        )
        INSERT INTO pgmq.%I (msg_id, vt, read_ct, enqueued_at, last_read_at, message, headers)
        SELECT msg_id, vt, read_ct, enqueued_at, last_read_at, message, headers
        FROM archived
        RETURNING msg_id;
        $QUERY$,
        qtable, atable
    );
    RETURN QUERY EXECUTE sql USING msg_ids;
END;
$$ LANGUAGE plpgsql;

---- delete
---- deletes a message id from the queue permanently
CREATE FUNCTION pgmq.delete(
    queue_name TEXT,
    msg_id BIGINT
)
RETURNS BOOLEAN AS $$
DECLARE
    sql TEXT;
    result BIGINT;
    qtable TEXT := pgmq.format_table_name(queue_name, 'q');
BEGIN
    sql := FORMAT(
        $QUERY$
        DELETE FROM pgmq.%I
        WHERE msg_id = $1
        RETURNING msg_id
        $QUERY$,
        qtable
    );
    EXECUTE sql USING msg_id INTO result;
    RETURN NOT (result IS NULL);
END;
$$ LANGUAGE plpgsql;

---- delete
---- deletes an array of message ids from the queue permanently
CREATE FUNCTION pgmq.delete(
    queue_name TEXT,
    msg_ids BIGINT[]
)
RETURNS SETOF BIGINT AS $$
DECLARE
    sql TEXT;
    qtable TEXT := pgmq.format_table_name(queue_name, 'q');
BEGIN
    sql := FORMAT(
        $QUERY$
        DELETE FROM pgmq.%I
        WHERE msg_id = ANY($1)
        RETURNING msg_id
        $QUERY$,
        qtable
    );
    RETURN QUERY EXECUTE sql USING msg_ids;
END;
$$ LANGUAGE plpgsql;

-- send: actual implementation
CREATE FUNCTION pgmq.send(
    queue_name TEXT,
    msg JSONB,
    headers JSONB,
    delay TIMESTAMP WITH TIME ZONE
) RETURNS SETOF BIGINT AS $$
DECLARE
    sql TEXT;
    qtable TEXT := pgmq.format_table_name(queue_name, 'q');
BEGIN
    sql := FORMAT(
            $QUERY$
        INSERT INTO pgmq.%I (vt, message, headers)
        VALUES ($2, $1, $3)
        RETURNING msg_id;
        $QUERY$,
            qtable
           );
    RETURN QUERY EXECUTE sql USING msg, delay, headers;
END;
$$ LANGUAGE plpgsql;

-- send: 2 args, no delay or headers
CREATE FUNCTION pgmq.send(
    queue_name TEXT,
    msg JSONB
) RETURNS SETOF BIGINT AS $$
    SELECT * FROM pgmq.send(queue_name, msg, NULL, clock_timestamp());
$$ LANGUAGE sql;

-- send: 3 args with headers
CREATE FUNCTION pgmq.send(
    queue_name TEXT,
    msg JSONB,
    headers JSONB
) RETURNS SETOF BIGINT AS $$
    SELECT * FROM pgmq.send(queue_name, msg, headers, clock_timestamp());
$$ LANGUAGE sql;

-- send: 3 args with integer delay
CREATE FUNCTION pgmq.send(
    queue_name TEXT,
    msg JSONB,
    delay INTEGER
) RETURNS SETOF BIGINT AS $$
    SELECT * FROM pgmq.send(queue_name, msg, NULL, clock_timestamp() + make_interval(secs => delay));
$$ LANGUAGE sql;

-- send: 3 args with timestamp
CREATE FUNCTION pgmq.send(
    queue_name TEXT,
    msg JSONB,
    delay TIMESTAMP WITH TIME ZONE
) RETURNS SETOF BIGINT AS $$
    SELECT * FROM pgmq.send(queue_name, msg, NULL, delay);
$$ LANGUAGE sql;

-- send: 4 args with integer delay
CREATE FUNCTION pgmq.send(
    queue_name TEXT,
    msg JSONB,
    headers JSONB,
    delay INTEGER
) RETURNS SETOF BIGINT AS $$
    SELECT * FROM pgmq.send(queue_name, msg, headers, clock_timestamp() + make_interval(secs => delay));
$$ LANGUAGE sql;

-- _validate_batch_params: Private function to validate batch parameters
CREATE FUNCTION pgmq._validate_batch_params(
    msgs JSONB[],
    headers JSONB[]
) RETURNS void AS $$
BEGIN
    -- Validate that msgs is not NULL or empty
    IF msgs IS NULL OR array_length(msgs, 1) IS NULL THEN
        RAISE EXCEPTION 'msgs cannot be NULL or empty';
    END IF;

    -- Validate that headers array length matches msgs array length if headers is provided
    -- Note: array_length returns NULL for empty arrays, so we use COALESCE to treat empty arrays as length 0
    IF headers IS NOT NULL AND COALESCE(array_length(headers, 1), 0) != COALESCE(array_length(msgs, 1), 0) THEN
        RAISE EXCEPTION 'headers array length (%) must match msgs array length (%)',
            COALESCE(array_length(headers, 1), 0), COALESCE(array_length(msgs, 1), 0);
    END IF;
END;
$$ LANGUAGE plpgsql;

-- _send_batch: Private function that performs the actual batch insert without validation
CREATE FUNCTION pgmq._send_batch(
    queue_name TEXT,
    msgs JSONB[],
    headers JSONB[],
    delay TIMESTAMP WITH TIME ZONE
) RETURNS SETOF BIGINT AS $$
DECLARE
    sql TEXT;
    qtable TEXT := pgmq.format_table_name(queue_name, 'q');
BEGIN
    sql := FORMAT(
            $QUERY$
        INSERT INTO pgmq.%I (vt, message, headers)
        SELECT $2, unnest($1), unnest(coalesce($3, ARRAY[]::jsonb[]))
        RETURNING msg_id;
        $QUERY$,
            qtable
           );
    RETURN QUERY EXECUTE sql USING msgs, delay, headers;
END;
$$ LANGUAGE plpgsql;

-- send_batch: Public function with validation
CREATE FUNCTION pgmq.send_batch(
    queue_name TEXT,
    msgs JSONB[],
    headers JSONB[],
    delay TIMESTAMP WITH TIME ZONE
) RETURNS SETOF BIGINT AS $$
BEGIN
    PERFORM pgmq._validate_batch_params(msgs, headers);
    RETURN QUERY SELECT * FROM pgmq._send_batch(queue_name, msgs, headers, delay);
END;
$$ LANGUAGE plpgsql;

-- send batch: 2 args
CREATE FUNCTION pgmq.send_batch(
    queue_name TEXT,
    msgs JSONB[]
) RETURNS SETOF BIGINT AS $$
    SELECT * FROM pgmq.send_batch(queue_name, msgs, NULL, clock_timestamp());
$$ LANGUAGE sql;

-- send batch: 3 args with headers
CREATE FUNCTION pgmq.send_batch(
    queue_name TEXT,
    msgs JSONB[],
    headers JSONB[]
) RETURNS SETOF BIGINT AS $$
    SELECT * FROM pgmq.send_batch(queue_name, msgs, headers, clock_timestamp());
$$ LANGUAGE sql;

-- send batch: 3 args with integer delay
CREATE FUNCTION pgmq.send_batch(
    queue_name TEXT,
    msgs JSONB[],
    delay INTEGER
) RETURNS SETOF BIGINT AS $$
    SELECT * FROM pgmq.send_batch(queue_name, msgs, NULL, clock_timestamp() + make_interval(secs => delay));
$$ LANGUAGE sql;

-- send batch: 3 args with timestamp
CREATE FUNCTION pgmq.send_batch(
    queue_name TEXT,
    msgs JSONB[],
    delay TIMESTAMP WITH TIME ZONE
) RETURNS SETOF BIGINT AS $$
    SELECT * FROM pgmq.send_batch(queue_name, msgs, NULL, delay);
$$ LANGUAGE sql;

-- send_batch: 4 args with integer delay
CREATE FUNCTION pgmq.send_batch(
    queue_name TEXT,
    msgs JSONB[],
    headers JSONB[],
    delay INTEGER
) RETURNS SETOF BIGINT AS $$
    SELECT * FROM pgmq.send_batch(queue_name, msgs, headers, clock_timestamp() + make_interval(secs => delay));
$$ LANGUAGE sql;

-- returned by pgmq.metrics() and pgmq.metrics_all
-- Note: Changing the order of fields in this type is a breaking change -- our Rust Diesel client implementation
-- expects a specific order of fields.
CREATE TYPE pgmq.metrics_result AS (
    queue_name text,
    queue_length bigint,
    newest_msg_age_sec int,
    oldest_msg_age_sec int,
    total_messages bigint,
    scrape_time timestamp with time zone,
    queue_visible_length bigint,
    default_partition_length bigint
);

-- get metrics for a single queue
CREATE FUNCTION pgmq.metrics(queue_name TEXT)
RETURNS pgmq.metrics_result AS $$
DECLARE
    result_row pgmq.metrics_result;
    query TEXT;
    qtable TEXT := pgmq.format_table_name(queue_name, 'q');
    q_default_partition TEXT := qtable || '_default';
    a_default_partition TEXT := pgmq.format_table_name(queue_name, 'a') || '_default';
    default_partition_length BIGINT;
BEGIN
    -- Only partitioned queues have default partitions. Messages in them have no
    -- partition of their own, which means pg_partman maintenance is failing for
    -- this queue; a non-zero value here is the signal to act on. The planner's
    -- estimate is used so that a large spill does not slow down every scrape.
    IF to_regclass(FORMAT('pgmq.%I', q_default_partition)) IS NOT NULL THEN
        SELECT COALESCE(SUM(GREATEST(c.reltuples, 0))::bigint, 0)
        INTO default_partition_length
        FROM pg_class c
        WHERE c.oid IN (
            to_regclass(FORMAT('pgmq.%I', q_default_partition)),
            to_regclass(FORMAT('pgmq.%I', a_default_partition))
        );
    END IF;

    query := FORMAT(
        $QUERY$
        WITH q_summary AS (
            SELECT
                count(*) as queue_length,
                count(CASE WHEN vt <= NOW() THEN 1 END) as queue_visible_length,
                EXTRACT(epoch FROM (NOW() - max(enqueued_at)))::int as newest_msg_age_sec,
                EXTRACT(epoch FROM (NOW() - min(enqueued_at)))::int as oldest_msg_age_sec,
                NOW() as scrape_time
            FROM pgmq.%I
        ),
        all_metrics AS (
            SELECT CASE
                WHEN is_called THEN last_value ELSE 0
                END as total_messages
            FROM pgmq.%I
        )
        SELECT
            %L as queue_name,
            q_summary.queue_length,
            q_summary.newest_msg_age_sec,
            q_summary.oldest_msg_age_sec,
            all_metrics.total_messages,
            q_summary.scrape_time,
            q_summary.queue_visible_length,
            %L::bigint as default_partition_length
        FROM q_summary, all_metrics
        $QUERY$,
        qtable, qtable || '_msg_id_seq', queue_name, default_partition_length
    );
    EXECUTE query INTO result_row;
    RETURN result_row;
END;
$$ LANGUAGE plpgsql;

-- get metrics for all queues
CREATE FUNCTION pgmq."metrics_all"()
RETURNS SETOF pgmq.metrics_result AS $$
DECLARE
    row_name RECORD;
    result_row pgmq.metrics_result;
BEGIN
    FOR row_name IN SELECT queue_name FROM pgmq.meta LOOP
        result_row := pgmq.metrics(row_name.queue_name);
        RETURN NEXT result_row;
    END LOOP;
END;
$$ LANGUAGE plpgsql;

-- list queues
CREATE FUNCTION pgmq."list_queues"()
RETURNS SETOF pgmq.queue_record AS $$
BEGIN
  RETURN QUERY SELECT * FROM pgmq.meta;
END
$$ LANGUAGE plpgsql;

-- purge queue, deleting all entries in it.
CREATE OR REPLACE FUNCTION pgmq."purge_queue"(queue_name TEXT)
RETURNS BIGINT AS $$
DECLARE
  deleted_count INTEGER;
  qtable TEXT := pgmq.format_table_name(queue_name, 'q');
BEGIN
  -- Get the row count before truncating
  EXECUTE format('SELECT count(*) FROM pgmq.%I', qtable) INTO deleted_count;

  -- Use TRUNCATE for better performance on large tables
  EXECUTE format('TRUNCATE TABLE pgmq.%I', qtable);

  -- Return the number of purged rows
  RETURN deleted_count;
END
$$ LANGUAGE plpgsql;

-- unassign archive, so it can be kept when a queue is deleted
CREATE FUNCTION pgmq."detach_archive"(queue_name TEXT)
RETURNS VOID AS $$
DECLARE
  atable TEXT := pgmq.format_table_name(queue_name, 'a');
BEGIN
  RAISE WARNING 'detach_archive(queue_name) is deprecated and is a no-op. It will be removed in PGMQ v2.0. Archive tables are no longer member objects.';
END
$$ LANGUAGE plpgsql;

-- pop: implementation
CREATE FUNCTION pgmq.pop(queue_name TEXT, qty INTEGER DEFAULT 1)
RETURNS SETOF pgmq.message_record AS $$
DECLARE
    sql TEXT;
    result pgmq.message_record;
    qtable TEXT := pgmq.format_table_name(queue_name, 'q');
BEGIN
    sql := FORMAT(
        $QUERY$
        WITH cte AS
            (
                SELECT msg_id
                FROM pgmq.%I
                WHERE vt <= clock_timestamp()
                ORDER BY msg_id ASC
                LIMIT $1
                FOR UPDATE SKIP LOCKED
            )
        DELETE from pgmq.%I
        WHERE msg_id IN (select msg_id from cte)
        RETURNING msg_id, read_ct, enqueued_at, last_read_at, vt, message, headers;
        $QUERY$,
        qtable, qtable
    );
    RETURN QUERY EXECUTE sql USING qty;
END;
$$ LANGUAGE plpgsql;

-- Sets timestamp vt of a message, returns it
CREATE FUNCTION pgmq.set_vt(queue_name TEXT, msg_id BIGINT, vt TIMESTAMP WITH TIME ZONE)
RETURNS SETOF pgmq.message_record AS $$
DECLARE
    sql TEXT;
    result pgmq.message_record;
    qtable TEXT := pgmq.format_table_name(queue_name, 'q');
BEGIN
    sql := FORMAT(
        $QUERY$
        UPDATE pgmq.%I
        SET vt = $1
        WHERE msg_id = $2
        RETURNING msg_id, read_ct, enqueued_at, last_read_at, vt, message, headers;
        $QUERY$, 
        qtable
    );
    RETURN QUERY EXECUTE sql USING vt, msg_id;
END;
$$ LANGUAGE plpgsql;

-- Sets integer vt of a message, returns it
CREATE FUNCTION pgmq.set_vt(queue_name TEXT, msg_id BIGINT, vt INTEGER)
RETURNS SETOF pgmq.message_record AS $$
    SELECT * FROM pgmq.set_vt(queue_name, msg_id, clock_timestamp() + make_interval(secs => vt));
$$ LANGUAGE sql;

-- Sets timestamp vt of multiple messages, returns them
CREATE FUNCTION pgmq.set_vt(
    queue_name TEXT,
    msg_ids BIGINT[],
    vt TIMESTAMP WITH TIME ZONE
)
RETURNS SETOF pgmq.message_record AS $$
DECLARE
    sql TEXT;
    qtable TEXT := pgmq.format_table_name(queue_name, 'q');
BEGIN
    sql := FORMAT(
        $QUERY$
        UPDATE pgmq.%I
        SET vt = $1
        WHERE msg_id = ANY($2)
        RETURNING msg_id, read_ct, enqueued_at, last_read_at, vt, message, headers;
        $QUERY$,
        qtable
    );
    RETURN QUERY EXECUTE sql USING vt, msg_ids;
END;
$$ LANGUAGE plpgsql;

-- Sets integer vt of multiple messages, returns them
CREATE FUNCTION pgmq.set_vt(
    queue_name TEXT,
    msg_ids BIGINT[],
    vt INTEGER
)
RETURNS SETOF pgmq.message_record AS $$
    SELECT * FROM pgmq.set_vt(queue_name, msg_ids, clock_timestamp() + make_interval(secs => vt));
$$ LANGUAGE sql;

CREATE FUNCTION pgmq._get_pg_partman_schema()
RETURNS TEXT AS $$
  SELECT
    extnamespace::regnamespace::text
  FROM
    pg_extension
  WHERE
    extname = 'pg_partman';
$$ LANGUAGE SQL;

CREATE FUNCTION pgmq.drop_queue(queue_name TEXT, partitioned BOOLEAN)
RETURNS BOOLEAN AS $$
DECLARE
    qtable TEXT := pgmq.format_table_name(queue_name, 'q');
    fq_qtable TEXT := 'pgmq.' || qtable;
    atable TEXT := pgmq.format_table_name(queue_name, 'a');
    fq_atable TEXT := 'pgmq.' || atable;
BEGIN
    RAISE WARNING 'drop_queue(queue_name, partitioned) is deprecated and will be removed in PGMQ v2.0. Use drop_queue(queue_name) instead';

    PERFORM pgmq.drop_queue(queue_name);

    RETURN TRUE;
END;
$$ LANGUAGE plpgsql;

CREATE FUNCTION pgmq.drop_queue(queue_name TEXT)
RETURNS BOOLEAN AS $$
DECLARE
    qtable TEXT := pgmq.format_table_name(queue_name, 'q');
    qtable_seq TEXT := qtable || '_msg_id_seq';
    fq_qtable TEXT := 'pgmq.' || qtable;
    atable TEXT := pgmq.format_table_name(queue_name, 'a');
    fq_atable TEXT := 'pgmq.' || atable;
    partitioned BOOLEAN;
BEGIN
    PERFORM pgmq.acquire_queue_lock(queue_name);
    EXECUTE FORMAT(
        $QUERY$
        SELECT is_partitioned FROM pgmq.meta WHERE queue_name = %L
        $QUERY$,
        queue_name
    ) INTO partitioned;

    -- check if the queue exists
    IF NOT EXISTS (
        SELECT 1
        FROM information_schema.tables
        WHERE table_name = qtable and table_schema = 'pgmq'
    ) THEN
        RAISE NOTICE 'pgmq queue `%` does not exist', queue_name;
        RETURN FALSE;
    END IF;

    EXECUTE FORMAT(
        $QUERY$
        DROP TABLE IF EXISTS pgmq.%I
        $QUERY$,
        qtable
    );

    EXECUTE FORMAT(
        $QUERY$
        DROP TABLE IF EXISTS pgmq.%I
        $QUERY$,
        atable
    );

     IF EXISTS (
          SELECT 1
          FROM information_schema.tables
          WHERE table_name = 'meta' and table_schema = 'pgmq'
     ) THEN
        EXECUTE FORMAT(
            $QUERY$
            DELETE FROM pgmq.meta WHERE queue_name = %L
            $QUERY$,
            queue_name
        );
     END IF;

     IF partitioned THEN
        EXECUTE FORMAT(
          $QUERY$
          DELETE FROM %I.part_config where parent_table in (%L, %L)
          $QUERY$,
          pgmq._get_pg_partman_schema(), fq_qtable, fq_atable
        );
     END IF;

    RETURN TRUE;
END;
$$ LANGUAGE plpgsql;

CREATE FUNCTION pgmq.validate_queue_name(queue_name TEXT)
RETURNS void AS $$
BEGIN
  IF length(queue_name) > 47 THEN
    -- complete table identifier must be <= 63
    -- https://www.postgresql.org/docs/17/sql-syntax-lexical.html#SQL-SYNTAX-IDENTIFIERS
    -- e.g. template_pgmq_q_my_queue is an identifier for my_queue when partitioned
    -- template_pgmq_q_ (16) + <a max length queue name> (47) = 63 
    RAISE EXCEPTION 'queue name is too long, maximum length is 47 characters';
  END IF;
END;
$$ LANGUAGE plpgsql;

CREATE FUNCTION pgmq._belongs_to_pgmq(table_name TEXT)
RETURNS BOOLEAN AS $$
DECLARE
    sql TEXT;
    result BOOLEAN;
BEGIN
  SELECT EXISTS (
    SELECT 1
    FROM pg_depend
    WHERE refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pgmq')
    AND objid = (
        SELECT oid
        FROM pg_class
        WHERE relname = table_name
    )
  ) INTO result;
  RETURN result;
END;
$$ LANGUAGE plpgsql;

CREATE FUNCTION pgmq.create_non_partitioned(queue_name TEXT)
RETURNS void AS $$
DECLARE
  qtable TEXT := pgmq.format_table_name(queue_name, 'q');
  qtable_seq TEXT := qtable || '_msg_id_seq';
  atable TEXT := pgmq.format_table_name(queue_name, 'a');
BEGIN
  PERFORM pgmq.validate_queue_name(queue_name);
  PERFORM pgmq.acquire_queue_lock(queue_name);

  EXECUTE FORMAT(
    $QUERY$
    CREATE TABLE IF NOT EXISTS pgmq.%I (
        msg_id BIGINT PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
        read_ct INT DEFAULT 0 NOT NULL,
        enqueued_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
        last_read_at TIMESTAMP WITH TIME ZONE,
        vt TIMESTAMP WITH TIME ZONE NOT NULL,
        message JSONB,
        headers JSONB
    )
    $QUERY$,
    qtable
  );

  EXECUTE FORMAT(
    $QUERY$
    CREATE TABLE IF NOT EXISTS pgmq.%I (
      msg_id BIGINT PRIMARY KEY,
      read_ct INT DEFAULT 0 NOT NULL,
      enqueued_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
      last_read_at TIMESTAMP WITH TIME ZONE,
      archived_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
      vt TIMESTAMP WITH TIME ZONE NOT NULL,
      message JSONB,
      headers JSONB
    );
    $QUERY$,
    atable
  );

  EXECUTE FORMAT(
    $QUERY$
    CREATE INDEX IF NOT EXISTS %I ON pgmq.%I (vt ASC);
    $QUERY$,
    qtable || '_vt_idx', qtable
  );

  EXECUTE FORMAT(
    $QUERY$
    CREATE INDEX IF NOT EXISTS %I ON pgmq.%I (archived_at);
    $QUERY$,
    'archived_at_idx_' || queue_name, atable
  );

  EXECUTE FORMAT(
    $QUERY$
    INSERT INTO pgmq.meta (queue_name, is_partitioned, is_unlogged)
    VALUES (%L, false, false)
    ON CONFLICT
    DO NOTHING;
    $QUERY$,
    queue_name
  );

END;
$$ LANGUAGE plpgsql;

CREATE FUNCTION pgmq.create_unlogged(queue_name TEXT)
RETURNS void AS $$
DECLARE
  qtable TEXT := pgmq.format_table_name(queue_name, 'q');
  qtable_seq TEXT := qtable || '_msg_id_seq';
  atable TEXT := pgmq.format_table_name(queue_name, 'a');
BEGIN
  PERFORM pgmq.validate_queue_name(queue_name);
  PERFORM pgmq.acquire_queue_lock(queue_name);

  EXECUTE FORMAT(
    $QUERY$
    CREATE UNLOGGED TABLE IF NOT EXISTS pgmq.%I (
        msg_id BIGINT PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
        read_ct INT DEFAULT 0 NOT NULL,
        enqueued_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
        last_read_at TIMESTAMP WITH TIME ZONE,
        vt TIMESTAMP WITH TIME ZONE NOT NULL,
        message JSONB,
        headers JSONB
    )
    $QUERY$,
    qtable
  );

  EXECUTE FORMAT(
    $QUERY$
    CREATE TABLE IF NOT EXISTS pgmq.%I (
      msg_id BIGINT PRIMARY KEY,
      read_ct INT DEFAULT 0 NOT NULL,
      enqueued_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
      last_read_at TIMESTAMP WITH TIME ZONE,
      archived_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
      vt TIMESTAMP WITH TIME ZONE NOT NULL,
      message JSONB,
      headers JSONB
    );
    $QUERY$,
    atable
  );

  EXECUTE FORMAT(
    $QUERY$
    CREATE INDEX IF NOT EXISTS %I ON pgmq.%I (vt ASC);
    $QUERY$,
    qtable || '_vt_idx', qtable
  );

  EXECUTE FORMAT(
    $QUERY$
    CREATE INDEX IF NOT EXISTS %I ON pgmq.%I (archived_at);
    $QUERY$,
    'archived_at_idx_' || queue_name, atable
  );

  EXECUTE FORMAT(
    $QUERY$
    INSERT INTO pgmq.meta (queue_name, is_partitioned, is_unlogged)
    VALUES (%L, false, true)
    ON CONFLICT
    DO NOTHING;
    $QUERY$,
    queue_name
  );
END;
$$ LANGUAGE plpgsql;

CREATE FUNCTION pgmq._get_partition_col(partition_interval TEXT)
RETURNS TEXT AS $$
DECLARE
  num INTEGER;
BEGIN
    BEGIN
        num := partition_interval::INTEGER;
        RETURN 'msg_id';
    EXCEPTION
        WHEN others THEN
            RETURN 'enqueued_at';
    END;
END;
$$ LANGUAGE plpgsql;

CREATE FUNCTION pgmq._extension_exists(extension_name TEXT)
    RETURNS BOOLEAN
    LANGUAGE SQL
AS $$
SELECT EXISTS (
    SELECT 1
    FROM pg_extension
    WHERE extname = extension_name
)
$$;

CREATE FUNCTION pgmq._ensure_pg_partman_installed()
RETURNS void AS $$
BEGIN
  IF NOT pgmq._extension_exists('pg_partman') THEN
    RAISE EXCEPTION 'pg_partman is required for partitioned queues';
  END IF;
END;
$$ LANGUAGE plpgsql;

CREATE FUNCTION pgmq._get_pg_partman_major_version()
RETURNS INT
LANGUAGE SQL
AS $$
  SELECT split_part(extversion, '.', 1)::INT
  FROM pg_extension
  WHERE extname = 'pg_partman'
$$;

CREATE FUNCTION pgmq.create_partitioned(
  queue_name TEXT,
  partition_interval TEXT DEFAULT '10000',
  retention_interval TEXT DEFAULT '100000',
  premake INTEGER DEFAULT 4
)
RETURNS void AS $$
DECLARE
  partition_col TEXT;
  a_partition_col TEXT;
  qtable TEXT := pgmq.format_table_name(queue_name, 'q');
  qtable_seq TEXT := qtable || '_msg_id_seq';
  atable TEXT := pgmq.format_table_name(queue_name, 'a');
  fq_qtable TEXT := 'pgmq.' || qtable;
  fq_atable TEXT := 'pgmq.' || atable;
BEGIN
  PERFORM pgmq.validate_queue_name(queue_name);
  PERFORM pgmq.acquire_queue_lock(queue_name);
  PERFORM pgmq._ensure_pg_partman_installed();
  IF premake < 1 THEN
    RAISE EXCEPTION 'premake must be at least 1, got %', premake;
  END IF;
  SELECT pgmq._get_partition_col(partition_interval) INTO partition_col;

  EXECUTE FORMAT(
    $QUERY$
    CREATE TABLE IF NOT EXISTS pgmq.%I (
        msg_id BIGINT GENERATED BY DEFAULT AS IDENTITY,
        read_ct INT DEFAULT 0 NOT NULL,
        enqueued_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
        last_read_at TIMESTAMP WITH TIME ZONE,
        vt TIMESTAMP WITH TIME ZONE NOT NULL,
        message JSONB,
        headers JSONB
    ) PARTITION BY RANGE (%I)
    $QUERY$,
    qtable, partition_col
  );

  -- https://github.com/pgpartman/pg_partman/blob/master/doc/pg_partman.md
  -- p_parent_table - the existing parent table. MUST be schema qualified, even if in public schema.
  EXECUTE FORMAT(
    $QUERY$
    SELECT %I.create_parent(
      p_parent_table := %L,
      p_control := %L,
      p_interval := %L,
      p_premake := %s,
      p_type := case
        when pgmq._get_pg_partman_major_version() = 5 then 'range'
        else 'native'
      end
    )
    $QUERY$,
    pgmq._get_pg_partman_schema(),
    fq_qtable,
    partition_col,
    partition_interval,
    premake
  );

  EXECUTE FORMAT(
    $QUERY$
    CREATE INDEX IF NOT EXISTS %I ON pgmq.%I (%I);
    $QUERY$,
    qtable || '_part_idx', qtable, partition_col
  );

  EXECUTE FORMAT(
    $QUERY$
    UPDATE %I.part_config
    SET
        retention = %L,
        retention_keep_table = false,
        retention_keep_index = true,
        automatic_maintenance = 'on'
    WHERE parent_table = %L;
    $QUERY$,
    pgmq._get_pg_partman_schema(),
    retention_interval,
    'pgmq.' || qtable
  );

  EXECUTE FORMAT(
    $QUERY$
    INSERT INTO pgmq.meta (queue_name, is_partitioned, is_unlogged)
    VALUES (%L, true, false)
    ON CONFLICT
    DO NOTHING;
    $QUERY$,
    queue_name
  );

  IF partition_col = 'enqueued_at' THEN
    a_partition_col := 'archived_at';
  ELSE
    a_partition_col := partition_col;
  END IF;

  EXECUTE FORMAT(
    $QUERY$
    CREATE TABLE IF NOT EXISTS pgmq.%I (
      msg_id BIGINT NOT NULL,
      read_ct INT DEFAULT 0 NOT NULL,
      enqueued_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
      last_read_at TIMESTAMP WITH TIME ZONE,
      archived_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
      vt TIMESTAMP WITH TIME ZONE NOT NULL,
      message JSONB,
      headers JSONB
    ) PARTITION BY RANGE (%I);
    $QUERY$,
    atable, a_partition_col
  );

  -- https://github.com/pgpartman/pg_partman/blob/master/doc/pg_partman.md
  -- p_parent_table - the existing parent table. MUST be schema qualified, even if in public schema.
  EXECUTE FORMAT(
    $QUERY$
    SELECT %I.create_parent(
      p_parent_table := %L,
      p_control := %L,
      p_interval := %L,
      p_premake := %s,
      p_type := case
        when pgmq._get_pg_partman_major_version() = 5 then 'range'
        else 'native'
      end
    )
    $QUERY$,
    pgmq._get_pg_partman_schema(),
    fq_atable,
    a_partition_col,
    partition_interval,
    premake
  );

  EXECUTE FORMAT(
    $QUERY$
    UPDATE %I.part_config
    SET
        retention = %L,
        retention_keep_table = false,
        retention_keep_index = true,
        automatic_maintenance = 'on'
    WHERE parent_table = %L;
    $QUERY$,
    pgmq._get_pg_partman_schema(),
    retention_interval,
    'pgmq.' || atable
  );

  EXECUTE FORMAT(
    $QUERY$
    CREATE INDEX IF NOT EXISTS %I ON pgmq.%I (archived_at);
    $QUERY$,
    'archived_at_idx_' || queue_name, atable
  );

END;
$$ LANGUAGE plpgsql;

CREATE FUNCTION pgmq.create(queue_name TEXT)
RETURNS void AS $$
BEGIN
    PERFORM pgmq.create_non_partitioned(queue_name);
END;
$$ LANGUAGE plpgsql;

-- _create_fifo_index_if_not_exists
-- internal function to create GIN index on headers for better FIFO performance
CREATE OR REPLACE FUNCTION pgmq._create_fifo_index_if_not_exists(queue_name TEXT)
RETURNS void AS $$
DECLARE
    qtable TEXT := pgmq.format_table_name(queue_name, 'q');
    index_name TEXT := qtable || '_fifo_idx';
BEGIN
    -- Create GIN index on headers for efficient FIFO key lookups
    EXECUTE FORMAT(
        $QUERY$
        CREATE INDEX IF NOT EXISTS %I ON pgmq.%I USING GIN (headers);
        $QUERY$,
        index_name, qtable
    );
END;
$$ LANGUAGE plpgsql;

-- create_fifo_index
-- creates a GIN index on the headers column to improve FIFO read performance
CREATE FUNCTION pgmq.create_fifo_index(queue_name TEXT)
RETURNS void AS $$
BEGIN
    PERFORM pgmq._create_fifo_index_if_not_exists(queue_name);
END;
$$ LANGUAGE plpgsql;

-- create_fifo_indexes_all
-- creates FIFO indexes on all existing queues
CREATE FUNCTION pgmq.create_fifo_indexes_all()
RETURNS void AS $$
DECLARE
    queue_record RECORD;
BEGIN
    FOR queue_record IN SELECT queue_name FROM pgmq.meta LOOP
        PERFORM pgmq.create_fifo_index(queue_record.queue_name);
    END LOOP;
END;
$$ LANGUAGE plpgsql;

CREATE OR REPLACE FUNCTION pgmq.convert_archive_partitioned(
  table_name TEXT,
  partition_interval TEXT DEFAULT '10000',
  retention_interval TEXT DEFAULT '100000',
  leading_partition INT DEFAULT 10
)
RETURNS void AS $$
DECLARE
  a_table_name TEXT := pgmq.format_table_name(table_name, 'a');
  a_table_name_old TEXT := pgmq.format_table_name(table_name, 'a') || '_old';
  qualified_a_table_name TEXT := format('pgmq.%I', a_table_name);
  partition_col TEXT;
  a_partition_col TEXT;
BEGIN

  PERFORM c.relkind
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relname = a_table_name
    AND c.relkind = 'p';

  IF FOUND THEN
    RAISE NOTICE 'Table %s is already partitioned', a_table_name;
    RETURN;
  END IF;

  PERFORM c.relkind
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relname = a_table_name
    AND c.relkind = 'r';

  IF NOT FOUND THEN
    RAISE NOTICE 'Table %s does not exists', a_table_name;
    RETURN;
  END IF;

  SELECT pgmq._get_partition_col(partition_interval) INTO partition_col;

  -- For archive tables, use archived_at for time-based partitioning
  IF partition_col = 'enqueued_at' THEN
    a_partition_col := 'archived_at';
  ELSE
    a_partition_col := partition_col;
  END IF;

  EXECUTE 'ALTER TABLE ' || qualified_a_table_name || ' RENAME TO ' || a_table_name_old;

  -- When partitioning by time (archived_at), we need to exclude constraints and indexes
  -- because the existing PRIMARY KEY on msg_id alone is incompatible with partitioning by archived_at.
  -- When partitioning by msg_id, we can keep all constraints including PRIMARY KEY.
  IF a_partition_col = 'archived_at' THEN
    EXECUTE format( 'CREATE TABLE pgmq.%I (LIKE pgmq.%I including defaults including generated including storage including comments) PARTITION BY RANGE (%I)', a_table_name, a_table_name_old, a_partition_col );
  ELSE
    EXECUTE format( 'CREATE TABLE pgmq.%I (LIKE pgmq.%I including all) PARTITION BY RANGE (%I)', a_table_name, a_table_name_old, a_partition_col );
  END IF;

  EXECUTE 'ALTER INDEX pgmq.archived_at_idx_' || table_name || ' RENAME TO archived_at_idx_' || table_name || '_old';
  EXECUTE 'CREATE INDEX archived_at_idx_'|| table_name || ' ON ' || qualified_a_table_name ||'(archived_at)';

  -- https://github.com/pgpartman/pg_partman/blob/master/doc/pg_partman.md
  -- p_parent_table - the existing parent table. MUST be schema qualified, even if in public schema.
  EXECUTE FORMAT(
    $QUERY$
    SELECT %I.create_parent(
      p_parent_table := %L,
      p_control := %L,
      p_interval := %L,
      p_type := case
        when pgmq._get_pg_partman_major_version() = 5 then 'range'
        else 'native'
      end
    )
    $QUERY$,
    pgmq._get_pg_partman_schema(),
    qualified_a_table_name,
    a_partition_col,
    partition_interval
  );

  EXECUTE FORMAT(
    $QUERY$
    UPDATE %I.part_config
    SET
      retention = %L,
      retention_keep_table = false,
      retention_keep_index = false,
      infinite_time_partitions = true
    WHERE
      parent_table = %L;
    $QUERY$,
    pgmq._get_pg_partman_schema(),
    retention_interval,
    qualified_a_table_name
  );
END;
$$ LANGUAGE plpgsql;

CREATE OR REPLACE FUNCTION pgmq.notify_queue_listeners()
RETURNS TRIGGER AS $$
DECLARE
  queue_name_extracted TEXT; -- Queue name extracted from trigger table name
  updated_count        INTEGER; -- Number of rows updated (0 or 1)
BEGIN
  queue_name_extracted := substring(TG_TABLE_NAME from 3);

  UPDATE pgmq.notify_insert_throttle
  SET last_notified_at = clock_timestamp()
  WHERE queue_name = queue_name_extracted
    AND (
      throttle_interval_ms = 0 -- No throttling configured
          OR clock_timestamp() - last_notified_at >=
             (throttle_interval_ms * INTERVAL '1 millisecond') -- Throttle interval has elapsed
    );

  -- Check how many rows were updated (will be 0 or 1)
  GET DIAGNOSTICS updated_count = ROW_COUNT;

  IF updated_count > 0 THEN
    PERFORM PG_NOTIFY('pgmq.' || TG_TABLE_NAME || '.' || TG_OP, NULL);
  END IF;

RETURN NEW;
END;
$$ LANGUAGE plpgsql;

CREATE OR REPLACE FUNCTION pgmq.enable_notify_insert(queue_name TEXT, throttle_interval_ms INTEGER DEFAULT 250)
RETURNS void AS $$
DECLARE
  qtable TEXT := pgmq.format_table_name(queue_name, 'q');
  v_queue_name TEXT := queue_name;
  v_throttle_interval_ms INTEGER := throttle_interval_ms;
BEGIN
  -- Validate that throttle_interval_ms is non-negative
  IF v_throttle_interval_ms < 0 THEN
    RAISE EXCEPTION 'throttle_interval_ms must be non-negative';
  END IF;

  -- Validate that the queue table exists
  IF NOT EXISTS (SELECT 1 FROM information_schema.tables WHERE table_schema = 'pgmq' AND table_name = qtable) THEN
    RAISE EXCEPTION 'Queue "%" does not exist. Create it first using pgmq.create()', v_queue_name;
  END IF;

  PERFORM pgmq.disable_notify_insert(v_queue_name);

  INSERT INTO pgmq.notify_insert_throttle (queue_name, throttle_interval_ms)
  VALUES (v_queue_name, v_throttle_interval_ms)
  ON CONFLICT ON CONSTRAINT notify_insert_throttle_queue_name_key DO UPDATE
      SET throttle_interval_ms = EXCLUDED.throttle_interval_ms,
          last_notified_at = to_timestamp(0);

  EXECUTE FORMAT(
    $QUERY$
    CREATE CONSTRAINT TRIGGER trigger_notify_queue_insert_listeners
    AFTER INSERT ON pgmq.%I
    DEFERRABLE FOR EACH ROW
    EXECUTE PROCEDURE pgmq.notify_queue_listeners()
    $QUERY$,
    qtable
  );
END;
$$ LANGUAGE plpgsql;

CREATE OR REPLACE FUNCTION pgmq.disable_notify_insert(queue_name TEXT)
RETURNS void AS $$
DECLARE
  qtable TEXT := pgmq.format_table_name(queue_name, 'q');
  v_queue_name TEXT := queue_name;
BEGIN
  EXECUTE FORMAT(
    $QUERY$
    DROP TRIGGER IF EXISTS trigger_notify_queue_insert_listeners ON pgmq.%I;
    $QUERY$,
    qtable
  );

  DELETE FROM pgmq.notify_insert_throttle nit WHERE nit.queue_name = v_queue_name;
END;
$$ LANGUAGE plpgsql;

CREATE OR REPLACE FUNCTION pgmq.list_notify_insert_throttles()
    RETURNS TABLE
            (
                queue_name           text,
                throttle_interval_ms integer,
                last_notified_at     TIMESTAMP WITH TIME ZONE
            )
    LANGUAGE sql
    STABLE
AS
$$
    SELECT queue_name, throttle_interval_ms, last_notified_at
    FROM pgmq.notify_insert_throttle
    ORDER BY queue_name;
$$;

CREATE OR REPLACE FUNCTION pgmq.update_notify_insert(queue_name text, throttle_interval_ms integer)
    RETURNS void
    LANGUAGE plpgsql
AS
$$
BEGIN
    IF throttle_interval_ms < 0 THEN
        RAISE EXCEPTION 'throttle_interval_ms must be non-negative, got: %', throttle_interval_ms;
    END IF;

    IF NOT EXISTS (SELECT 1 FROM pgmq.meta WHERE meta.queue_name = update_notify_insert.queue_name) THEN
        RAISE EXCEPTION 'Queue "%" does not exist. Create the queue first using pgmq.create()', queue_name;
    END IF;

    IF NOT EXISTS (SELECT 1 FROM pgmq.notify_insert_throttle WHERE notify_insert_throttle.queue_name = update_notify_insert.queue_name) THEN
        RAISE EXCEPTION 'Queue "%" does not have notify_insert enabled. Enable it first using pgmq.enable_notify_insert()', queue_name;
    END IF;

    UPDATE pgmq.notify_insert_throttle
    SET throttle_interval_ms = update_notify_insert.throttle_interval_ms,
        last_notified_at = to_timestamp(0)
    WHERE notify_insert_throttle.queue_name = update_notify_insert.queue_name;
END;
$$;

CREATE OR REPLACE FUNCTION pgmq.validate_routing_key(routing_key text)
    RETURNS boolean
    LANGUAGE plpgsql
    IMMUTABLE
AS
$$
BEGIN
    -- Valid routing key examples:
    --   "logs.error"
    --   "app.user-service.auth"
    --   "system_events.db.connection_failed"
    --
    -- Invalid routing key examples:
    --   ""                     - empty
    --   ".logs.error"          - starts with dot
    --   "logs.error."          - ends with dot
    --   "logs..error"          - consecutive dots
    --   "logs.error!"          - invalid character
    --   "logs error"           - space not allowed
    --   "logs.*"               - wildcards not allowed in routing keys

    IF routing_key IS NULL OR routing_key = '' THEN
        RAISE EXCEPTION 'routing_key cannot be NULL or empty';
    END IF;

    IF length(routing_key) > 255 THEN
        RAISE EXCEPTION 'routing_key length cannot exceed 255 characters, got % characters', length(routing_key);
    END IF;

    IF routing_key !~ '^[a-zA-Z0-9._-]+$' THEN
        RAISE EXCEPTION 'routing_key contains invalid characters. Only alphanumeric, dots, hyphens, and underscores are allowed. Got: %', routing_key;
    END IF;

    IF routing_key ~ '^\.' THEN
        RAISE EXCEPTION 'routing_key cannot start with a dot. Got: %', routing_key;
    END IF;

    IF routing_key ~ '\.$' THEN
        RAISE EXCEPTION 'routing_key cannot end with a dot. Got: %', routing_key;
    END IF;

    IF routing_key ~ '\.\.' THEN
        RAISE EXCEPTION 'routing_key cannot contain consecutive dots. Got: %', routing_key;
    END IF;

    RETURN true;
END;
$$;

CREATE OR REPLACE FUNCTION pgmq.validate_topic_pattern(pattern text)
    RETURNS boolean
    LANGUAGE plpgsql
    IMMUTABLE
AS
$$
BEGIN
    -- Valid pattern examples:
    --   "logs.*"           - matches one segment after logs. (e.g., logs.error, logs.info)
    --   "logs.#"           - matches one or more segments after logs. (e.g., logs.error, logs.api.error)
    --   "*.error"          - matches one segment before .error (e.g., app.error, db.error)
    --   "#.error"          - matches one or more segments before .error (e.g., app.error, x.y.error)
    --   "app.*.#"          - mixed wildcards (one segment then one or more)
    --   "#"                - catch-all pattern, matches any routing key
    --
    -- Invalid pattern examples:
    --   ".logs.*"          - starts with dot
    --   "logs.*."          - ends with dot
    --   "logs..error"      - consecutive dots
    --   "logs.**"          - consecutive stars
    --   "logs.##"          - consecutive hashes
    --   "logs.*#"          - adjacent wildcards
    --   "logs.error!"      - invalid character

    IF pattern IS NULL OR pattern = '' THEN
        RAISE EXCEPTION 'pattern cannot be NULL or empty';
    END IF;

    IF length(pattern) > 255 THEN
        RAISE EXCEPTION 'pattern length cannot exceed 255 characters, got % characters', length(pattern);
    END IF;

    IF pattern !~ '^[a-zA-Z0-9._\-*#]+$' THEN
        RAISE EXCEPTION 'pattern contains invalid characters. Only alphanumeric, dots, hyphens, underscores, *, and # are allowed. Got: %', pattern;
    END IF;

    IF pattern ~ '^\.' THEN
        RAISE EXCEPTION 'pattern cannot start with a dot. Got: %', pattern;
    END IF;

    IF pattern ~ '\.$' THEN
        RAISE EXCEPTION 'pattern cannot end with a dot. Got: %', pattern;
    END IF;

    IF pattern ~ '\.\.' THEN
        RAISE EXCEPTION 'pattern cannot contain consecutive dots. Got: %', pattern;
    END IF;

    IF pattern ~ '\*\*' THEN
        RAISE EXCEPTION 'pattern cannot contain consecutive stars (**). Use # for multi-segment matching. Got: %', pattern;
    END IF;

    IF pattern ~ '##' THEN
        RAISE EXCEPTION 'pattern cannot contain consecutive hashes (##). A single # already matches zero or more segments. Got: %', pattern;
    END IF;

    IF pattern ~ '\*#' OR pattern ~ '#\*' THEN
        RAISE EXCEPTION 'pattern cannot contain adjacent wildcards (*# or #*). Separate wildcards with dots. Got: %', pattern;
    END IF;

    RETURN true;
END;
$$;

CREATE OR REPLACE FUNCTION pgmq.bind_topic(pattern text, queue_name text)
    RETURNS void
    LANGUAGE plpgsql
AS
$$
BEGIN
    PERFORM pgmq.validate_topic_pattern(pattern);
    IF queue_name IS NULL OR queue_name = '' THEN
        RAISE EXCEPTION 'queue_name cannot be NULL or empty';
    END IF;

    IF NOT EXISTS (SELECT 1 FROM pgmq.meta WHERE meta.queue_name = bind_topic.queue_name) THEN
        RAISE EXCEPTION 'Queue "%" does not exist. Create the queue first using pgmq.create()', queue_name;
    END IF;

    INSERT INTO pgmq.topic_bindings (pattern, queue_name)
    VALUES (pattern, queue_name)
    ON CONFLICT ON CONSTRAINT topic_bindings_unique_pattern_queue DO NOTHING;
END;
$$;

CREATE OR REPLACE FUNCTION pgmq.unbind_topic(pattern text, queue_name text)
    RETURNS boolean
    LANGUAGE plpgsql
AS
$$
DECLARE
    rows_deleted integer;
BEGIN
    IF pattern IS NULL OR pattern = '' THEN
        RAISE EXCEPTION 'pattern cannot be NULL or empty';
    END IF;

    IF queue_name IS NULL OR queue_name = '' THEN
        RAISE EXCEPTION 'queue_name cannot be NULL or empty';
    END IF;

    DELETE
    FROM pgmq.topic_bindings
    WHERE topic_bindings.pattern = unbind_topic.pattern
      AND topic_bindings.queue_name = unbind_topic.queue_name;

    GET DIAGNOSTICS rows_deleted = ROW_COUNT;

    IF rows_deleted > 0 THEN
        RETURN true;
    ELSE
        RETURN false;
    END IF;
END;
$$;

CREATE OR REPLACE FUNCTION pgmq.test_routing(routing_key text)
    RETURNS TABLE
            (
                pattern        text,
                queue_name     text,
                compiled_regex text
            )
    LANGUAGE plpgsql
    STABLE
AS
$$
BEGIN
    PERFORM pgmq.validate_routing_key(routing_key);
    RETURN QUERY
        SELECT b.pattern,
               b.queue_name,
               b.compiled_regex
        FROM pgmq.topic_bindings b
        WHERE routing_key ~ b.compiled_regex
        ORDER BY b.pattern;
END;
$$;

CREATE OR REPLACE FUNCTION pgmq.send_topic(routing_key text, msg jsonb, headers jsonb, delay integer)
    RETURNS integer
    LANGUAGE plpgsql
    VOLATILE
AS
$$
DECLARE
    b             RECORD;
    matched_count integer := 0;
BEGIN
    PERFORM pgmq.validate_routing_key(routing_key);

    IF msg IS NULL THEN
        RAISE EXCEPTION 'msg cannot be NULL';
    END IF;

    IF delay < 0 THEN
        RAISE EXCEPTION 'delay cannot be negative, got: %', delay;
    END IF;

    -- Filter matching patterns in SQL for better performance (uses index)
    -- Any failure will rollback the entire transaction
    FOR b IN
        SELECT DISTINCT tb.queue_name
        FROM pgmq.topic_bindings tb
        WHERE routing_key ~ tb.compiled_regex
        ORDER BY tb.queue_name -- Deterministic ordering, deduplicated by queue_name
        LOOP
            PERFORM pgmq.send(b.queue_name, msg, headers, delay);
            matched_count := matched_count + 1;
        END LOOP;

    RETURN matched_count;
END;
$$;

CREATE OR REPLACE FUNCTION pgmq.send_topic(routing_key text, msg jsonb)
    RETURNS integer
    LANGUAGE plpgsql
    VOLATILE
AS
$$
BEGIN
    RETURN pgmq.send_topic(routing_key, msg, NULL, 0);
END;
$$;

CREATE OR REPLACE FUNCTION pgmq.send_topic(routing_key text, msg jsonb, delay integer)
    RETURNS integer
    LANGUAGE plpgsql
    VOLATILE
AS
$$
BEGIN
    RETURN pgmq.send_topic(routing_key, msg, NULL, delay);
END;
$$;

CREATE OR REPLACE FUNCTION pgmq.list_topic_bindings()
    RETURNS TABLE
            (
                pattern        text,
                queue_name     text,
                bound_at       TIMESTAMP WITH TIME ZONE,
                compiled_regex text
            )
    LANGUAGE sql
    STABLE
AS
$$
    SELECT pattern, queue_name, bound_at, compiled_regex
    FROM pgmq.topic_bindings
    ORDER BY bound_at DESC, pattern, queue_name;
$$;

CREATE OR REPLACE FUNCTION pgmq.list_topic_bindings(queue_name text)
    RETURNS TABLE
            (
                pattern        text,
                queue_name     text,
                bound_at       TIMESTAMP WITH TIME ZONE,
                compiled_regex text
            )
    LANGUAGE sql
    STABLE
AS
$$
    SELECT pattern, tb.queue_name, bound_at, compiled_regex
    FROM pgmq.topic_bindings tb
    WHERE tb.queue_name = list_topic_bindings.queue_name
    ORDER BY bound_at DESC, pattern;
$$;

-- send_batch_topic: Base implementation with TIMESTAMP WITH TIME ZONE delay
CREATE OR REPLACE FUNCTION pgmq.send_batch_topic(
    routing_key text,
    msgs jsonb[],
    headers jsonb[],
    delay TIMESTAMP WITH TIME ZONE
)
    RETURNS TABLE(queue_name text, msg_id bigint)
    LANGUAGE plpgsql
    VOLATILE
AS
$$
DECLARE
    b RECORD;
BEGIN
    PERFORM pgmq.validate_routing_key(routing_key);

    -- Validate batch parameters once (not per queue)
    PERFORM pgmq._validate_batch_params(msgs, headers);

    -- Filter matching patterns in SQL for better performance (uses index)
    -- Any failure will rollback the entire transaction
    FOR b IN
        SELECT DISTINCT tb.queue_name
        FROM pgmq.topic_bindings tb
        WHERE routing_key ~ tb.compiled_regex
        ORDER BY tb.queue_name -- Deterministic ordering, deduplicated by queue_name
        LOOP
            -- Use private _send_batch to avoid redundant validation
            RETURN QUERY
            SELECT b.queue_name, batch_result.msg_id
            FROM pgmq._send_batch(b.queue_name, msgs, headers, delay) AS batch_result(msg_id);
        END LOOP;

    RETURN;
END;
$$;

-- send_batch_topic: 2 args (routing_key, msgs)
CREATE OR REPLACE FUNCTION pgmq.send_batch_topic(
    routing_key text,
    msgs jsonb[]
)
    RETURNS TABLE(queue_name text, msg_id bigint)
    LANGUAGE sql
    VOLATILE
AS
$$
    SELECT * FROM pgmq.send_batch_topic(routing_key, msgs, NULL, clock_timestamp());
$$;

-- send_batch_topic: 3 args with headers
CREATE OR REPLACE FUNCTION pgmq.send_batch_topic(
    routing_key text,
    msgs jsonb[],
    headers jsonb[]
)
    RETURNS TABLE(queue_name text, msg_id bigint)
    LANGUAGE sql
    VOLATILE
AS
$$
    SELECT * FROM pgmq.send_batch_topic(routing_key, msgs, headers, clock_timestamp());
$$;

-- send_batch_topic: 3 args with integer delay
CREATE OR REPLACE FUNCTION pgmq.send_batch_topic(
    routing_key text,
    msgs jsonb[],
    delay integer
)
    RETURNS TABLE(queue_name text, msg_id bigint)
    LANGUAGE sql
    VOLATILE
AS
$$
    SELECT * FROM pgmq.send_batch_topic(routing_key, msgs, NULL, clock_timestamp() + make_interval(secs => delay));
$$;

-- send_batch_topic: 3 args with timestamp delay
CREATE OR REPLACE FUNCTION pgmq.send_batch_topic(
    routing_key text,
    msgs jsonb[],
    delay TIMESTAMP WITH TIME ZONE
)
    RETURNS TABLE(queue_name text, msg_id bigint)
    LANGUAGE sql
    VOLATILE
AS
$$
    SELECT * FROM pgmq.send_batch_topic(routing_key, msgs, NULL, delay);
$$;

-- send_batch_topic: 4 args with integer delay
CREATE OR REPLACE FUNCTION pgmq.send_batch_topic(
    routing_key text,
    msgs jsonb[],
    headers jsonb[],
    delay integer
)
    RETURNS TABLE(queue_name text, msg_id bigint)
    LANGUAGE sql
    VOLATILE
AS
$$
    SELECT * FROM pgmq.send_batch_topic(routing_key, msgs, headers, clock_timestamp() + make_interval(secs => delay));
$$;
$pgmq_source$;
    end if;
  end if;
  if not exists (select from pg_catalog.pg_extension where extname = 'plpython3u') and v_superuser
    and exists (select from pg_catalog.pg_available_extensions as e where e.name = 'plpython3u')
  then
    create extension plpython3u;
    v_made := v_made || 'plpython3u'::text;
  end if;
  if not exists (select from pg_catalog.pg_extension where extname = 'pg_cron') and v_superuser
    and current_setting('cron.database_name', true) = current_database()
    and current_setting('shared_preload_libraries') ~ '\mpg_cron\M'
  then
    create extension pg_cron;
    v_made := v_made || 'pg_cron'::text;
  end if;
  perform set_config('dreamlit.made', array_to_string(v_made, ','), true);
end;
$prerequisites$;
-- The four group roles. None can log in; dreamlit_owner owns every object and is no superuser.
-- Roles are shared by all databases of a cluster, so another database's installation may have made them already.
do $roles$
declare
  v_role name;
begin
  foreach v_role in array array['dreamlit_owner', 'dreamlit_admin', 'dreamlit_sender', 'dreamlit_reader']::name[] loop
    begin
      if not exists (select from pg_catalog.pg_roles where rolname = v_role) then
        execute format('create role %I nologin', v_role);
      end if;
    exception when duplicate_object or unique_violation then
      null;  -- another database's installation was faster
    end;
  end loop;

  -- A superuser may act as any role; everyone else has to be a member of the owner to create objects for it.
  if not pg_catalog.pg_has_role(current_user, 'dreamlit_owner', 'usage') then
    execute format('grant dreamlit_owner to %I', current_user);
  end if;
end;
$roles$;

comment on role dreamlit_owner is 'dreamlit: owns the engine and its tables; cannot log in.';
comment on role dreamlit_admin is
  'dreamlit: publishes, pauses, retries, cancels and releases; grant it to the people who run workflows.';
comment on role dreamlit_sender is
  'dreamlit: claims messages and reports on them, nothing else; grant it to the sender''s login.';
comment on role dreamlit_reader is 'dreamlit: reads the views.';
create schema if not exists dreamlit authorization dreamlit_owner;
create schema if not exists dreamlit_workflows authorization dreamlit_owner;

comment on schema dreamlit is
  'The notification workflow engine. Views to read, functions to call; names that start with an underscore are private.';
comment on schema dreamlit_workflows is
  'What publishing compiles: the types and functions of each published version. Written by dreamlit.publish only.';

-- The form with IN SCHEMA would not take EXECUTE from PUBLIC.
alter default privileges for role dreamlit_owner revoke execute on functions from public;
-- The pgmq queues. pgmq's own functions make them for whoever installs; the engine's owner gets the rows.
do $queues$
declare
  v_queue text;
begin
  foreach v_queue in array array[
    'dreamlit_events', 'dreamlit_render',
    'dreamlit_email_urgent', 'dreamlit_email_bulk', 'dreamlit_slack_urgent', 'dreamlit_slack_bulk'
  ] loop
    if not exists (select from pgmq.list_queues() as q where q.queue_name = v_queue) then
      perform pgmq.create(v_queue);
      -- An INSERT of 200,000 rows took 0.92 s with it, 1.04 s with pglz; not every server is built with it.
      begin
        execute format('alter table pgmq.%I alter column message set compression lz4', 'q_' || v_queue);
      exception when feature_not_supported then
        null;
      end;
    end if;
    execute format('grant select, insert, update, delete on pgmq.%I to dreamlit_owner', 'q_' || v_queue);
    execute format('grant select, insert, delete on pgmq.%I to dreamlit_owner', 'a_' || v_queue);
    -- Claimed rows are updated once and deleted soon: leave room on the page, and vacuum early and without a pause.
    execute format(
      'alter table pgmq.%I set (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000, '
      'autovacuum_vacuum_cost_delay = 0, autovacuum_analyze_scale_factor = 0.1)', 'q_' || v_queue);
    -- For the reaper: deliveries that have begun are few among the many that wait.
    -- IF NOT EXISTS would lock out those who write before it looks.
    if to_regclass(format('pgmq.%I', 'q_' || v_queue || '_started_idx')) is null then
      execute format('create index %I on pgmq.%I (vt) where headers ? ''started_at''', 'q_' || v_queue || '_started_idx', 'q_' || v_queue);
    end if;
  end loop;
  grant usage on schema pgmq to dreamlit_owner;
end;
$queues$;

set local role dreamlit_owner;
-- Function bodies may name what comes further down.
set local check_function_bodies = off;

create table if not exists dreamlit._releases (
  release text primary key,
  installed_at timestamptz not null default now(),
  installed_by name not null default session_user,
  made text[]
);
comment on table dreamlit._releases is
  'The releases of dreamlit-pg that this database has had, one row each; the row is the first thing an installation writes.';
comment on column dreamlit._releases.made is
  'Which of pgmq, plpython3u, pg_cron the installation created; uninstalling takes them away again.';
-- The release's row comes before anything else is made, so that a second installation waiting behind this one sees it.
do $release$
declare
  v_newest text := (select r.release from dreamlit._releases as r order by string_to_array(r.release, '.')::integer[] desc limit 1);
begin
  if string_to_array(v_newest, '.')::integer[] > string_to_array('0.1.0', '.')::integer[] then
    raise exception using errcode = 'DL005',
      message = format('this database has release %s, which is newer than %s', v_newest, '0.1.0'),
      hint = 'install with the newer package';
  end if;
  insert into dreamlit._releases (release, made) values ('0.1.0', string_to_array(nullif(current_setting('dreamlit.made', true), ''), ','))
  on conflict (release) do nothing;
end;
$release$;
create table if not exists dreamlit._migrations (
  migration text primary key,
  applied_at timestamptz not null default now()
);
comment on table dreamlit._migrations is
  'The files of sql/migrations that this database has had. A fresh installation has them all from the start.';
create table if not exists dreamlit._settings (
  name text primary key,
  value jsonb not null,
  changed_at timestamptz not null default now()
);
comment on table dreamlit._settings is
  'Settings of this installation; no secrets. Read by dreamlit._setting(name), written by dreamlit.set_setting(name, value).';
create table if not exists dreamlit._workflows (
  workflow_id bigint generated always as identity primary key,
  name text not null,
  state text not null,
  version_id bigint,
  created_at timestamptz not null default now(),
  state_changed_at timestamptz not null default now(),
  constraint _workflows_name_key unique (name),
  constraint _workflows_state_check check (state in ('active', 'paused', 'unpublished'))
);
comment on table dreamlit._workflows is
  'One row a workflow name. version_id is the published version; null only inside the publishing transaction.';
create table if not exists dreamlit._versions (
  version_id bigint generated always as identity primary key,
  workflow_id bigint not null references dreamlit._workflows,
  version integer not null,
  definition jsonb not null,
  publisher name not null,
  trigger_table text,
  operations text[] not null,
  published_at timestamptz not null default now(),
  compiled boolean not null default true,
  constraint _versions_version_key unique (workflow_id, version)
);
comment on table dreamlit._versions is
  'Immutable published definitions. compiled turns false when the version''s functions have been dropped, after its last run.';
comment on column dreamlit._versions.publisher is
  'The role that owns the version''s compiled functions; its SQL runs with that role''s rights.';
create table if not exists dreamlit._steps (
  step_id bigint generated always as identity primary key,
  version_id bigint not null references dreamlit._versions,
  parent_step_id bigint references dreamlit._steps,
  position integer not null,
  name text not null,
  kind text not null,
  settings jsonb not null,
  if_function text,
  sql_function text,
  max_attempts integer not null,
  constraint _steps_name_key unique (version_id, name),
  constraint _steps_kind_check check (kind in ('trigger', 'wait', 'query', 'if', 'email', 'slack'))
);
create index if not exists _steps_parent_step_id_idx on dreamlit._steps (parent_step_id);
comment on table dreamlit._steps is
  'The tree of a version, one row a step. The root is the step named trigger; it alone has no parent.';
comment on column dreamlit._steps.if_function is
  'Compiled condition in dreamlit_workflows: (bigint[], jsonb[]) returns table (item_id bigint, result boolean).';
comment on column dreamlit._steps.sql_function is
  'Compiled query or wait-until in dreamlit_workflows: (bigint[], jsonb[]) returns table (item_id bigint, result jsonb or '
  'timestamptz).';
create table if not exists dreamlit._runs (
  run_id bigint generated always as identity primary key,
  event_id bigint not null,
  workflow_id bigint not null,
  version_id bigint not null,
  key text,
  operation text not null,
  payload jsonb not null,
  occurred_at timestamptz not null,
  started_at timestamptz not null,
  open_tasks integer not null,
  done_tasks integer not null default 0,
  skipped_tasks integer not null default 0,
  failed_tasks integer not null default 0,
  cancelling boolean not null default false,
  last_error jsonb
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);
create unique index if not exists _runs_key_idx on dreamlit._runs (workflow_id, key) where key is not null;
create index if not exists _runs_version_id_idx on dreamlit._runs (version_id);
create sequence if not exists dreamlit._event_id_seq;
comment on table dreamlit._runs is 'Open runs: those with open tasks. The last task''s end moves the row to _run_history.';
comment on column dreamlit._runs.payload is
  '{"trigger": {...}, "old": {...} or null}: the captured columns under their names as of publishing.';
comment on column dreamlit._runs.cancelling is
  'Set by cancel_run: whoever next touches the run''s tasks closes them as cancelled.';
create table if not exists dreamlit._run_history (
  run_id bigint not null,
  event_id bigint not null,
  workflow_id bigint not null,
  version_id bigint not null,
  key text,
  operation text not null,
  payload jsonb not null,
  occurred_at timestamptz not null,
  started_at timestamptz not null,
  done_tasks integer not null,
  skipped_tasks integer not null,
  failed_tasks integer not null,
  last_error jsonb,
  state text not null,
  finished_at timestamptz not null,
  constraint _run_history_state_check check (state in ('done', 'failed', 'cancelled'))
) partition by range (finished_at);
create index if not exists _run_history_run_id_idx on dreamlit._run_history (run_id);
comment on table dreamlit._run_history is 'Finished runs, a partition a day of finished_at.';
create table if not exists dreamlit._tasks (
  task_id bigint generated always as identity primary key,
  run_id bigint not null,
  step_id bigint not null,
  item jsonb,
  state text not null,
  due_at timestamptz,
  attempt integer not null default 0,
  open_messages integer not null default 0,
  failed_messages integer not null default 0,
  error jsonb,
  started_at timestamptz not null,
  constraint _tasks_state_check check (state in ('due', 'waiting', 'rendering', 'sending'))
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);
create index if not exists _tasks_step_id_due_at_idx on dreamlit._tasks (step_id, due_at, task_id) where due_at is not null;
create index if not exists _tasks_run_id_idx on dreamlit._tasks (run_id);
comment on table dreamlit._tasks is 'Open tasks only; a finished one moves to _task_history.';
comment on column dreamlit._tasks.item is
  'What the query steps above added: {"<step>": row or list}; null where there was none. The trigger''s part stands once, in '
  '_runs.payload.';
comment on column dreamlit._tasks.due_at is 'When the worker takes it next; null while its messages are with the senders.';
create table if not exists dreamlit._task_history (
  task_id bigint not null,
  run_id bigint not null,
  step_id bigint not null,
  item jsonb,
  state text not null,
  attempt integer not null,
  error jsonb,
  started_at timestamptz not null,
  finished_at timestamptz not null,
  constraint _task_history_state_check check (state in ('done', 'skipped', 'failed', 'cancelled'))
) partition by range (finished_at);
create index if not exists _task_history_run_id_idx on dreamlit._task_history (run_id);
comment on table dreamlit._task_history is 'Finished tasks, a partition a day of finished_at.';
comment on column dreamlit._task_history.item is 'Kept for failed tasks only, so that retry_run can resume them.';
create sequence if not exists dreamlit._message_id_seq;
create table if not exists dreamlit._messages (
  message_id bigint not null default nextval('dreamlit._message_id_seq'),
  created_at timestamptz not null,
  workflow_id bigint not null,
  step_id bigint not null,
  run_id bigint not null,
  task_id bigint not null,
  channel text not null,
  lane text not null,
  recipient text,
  content jsonb not null,
  state text not null,
  attempts integer not null default 0,
  error jsonb,
  provider text,
  provider_id text,
  settled_at timestamptz,
  constraint _messages_pkey primary key (message_id, created_at),
  constraint _messages_channel_check check (channel in ('email', 'slack')),
  constraint _messages_lane_check check (lane in ('urgent', 'bulk')),
  constraint _messages_state_check check (state in ('queued', 'sent', 'failed', 'uncertain', 'cancelled'))
) partition by range (created_at);
create index if not exists _messages_run_id_idx on dreamlit._messages (run_id);
create index if not exists _messages_task_id_idx on dreamlit._messages (task_id);
comment on table dreamlit._messages is
  'Messages with their rendered content, a partition a day of created_at. A queued one also has a row with the same id in its '
  'outbox queue.';
create table if not exists dreamlit._attempts (
  message_id bigint not null,
  attempt integer not null,
  sender text not null,
  started_at timestamptz,
  finished_at timestamptz not null,
  outcome text not null,
  fault text,
  code text,
  error text,
  provider text,
  provider_id text,
  constraint _attempts_outcome_check check (outcome in ('sent', 'failed', 'unknown'))
) partition by range (finished_at);
create index if not exists _attempts_message_id_idx on dreamlit._attempts (message_id);
comment on table dreamlit._attempts is
  'Finished attempts, append-only, a partition a day of finished_at. A running attempt is the mark on the message''s outbox '
  'row.';
create table if not exists dreamlit._ignored_events (
  event_id bigint not null,
  workflow_id bigint not null,
  version_id bigint not null,
  operation text not null,
  payload jsonb not null,
  key text,
  occurred_at timestamptz not null,
  reason text not null,
  ignored_at timestamptz not null
) partition by range (ignored_at);
comment on table dreamlit._ignored_events is 'Events that started no run, and why; a partition a day of ignored_at.';
create table if not exists dreamlit._uncertain_messages (
  message_id bigint primary key,
  created_at timestamptz not null,
  workflow_id bigint not null,
  held_at timestamptz not null
);
comment on table dreamlit._uncertain_messages is
  'Messages that a provider may or may not have accepted, held for a person: dreamlit.release or dreamlit.discard.';
create table if not exists dreamlit._channels (
  channel text primary key,
  blocked_until timestamptz not null default '-infinity',
  reason jsonb,
  failures integer not null default 0
);
insert into dreamlit._channels (channel) values ('email'), ('slack'), ('render') on conflict do nothing;
comment on table dreamlit._channels is
  'One row a channel: nothing is claimed from it before blocked_until, which a provider''s Retry-After or a configuration fault '
  'sets.';
create table if not exists dreamlit._senders (
  sender text primary key,
  channels text[] not null,
  first_seen_at timestamptz not null,
  last_seen_at timestamptz not null
) with (fillfactor = 50);
comment on table dreamlit._senders is
  'Senders that have claimed or ticked, with when they were last seen (to about five seconds).';
create table if not exists dreamlit._workers (
  worker text primary key,
  started_at timestamptz not null,
  last_tick_at timestamptz not null,
  last_error jsonb,
  last_error_at timestamptz
) with (fillfactor = 50);
comment on table dreamlit._workers is
  'Workers with their last tick (to about a second): the procedure dreamlit.work, or a sender that ticks.';
create table if not exists dreamlit._chores (
  chore text primary key,
  every interval not null,
  due_at timestamptz not null default '-infinity'
) with (fillfactor = 50);
insert into dreamlit._chores (chore, every) values
  ('reap', '2 seconds'), ('drop partitions', '1 hour'), ('drop versions', '1 minute'), ('forget workers', '10 minutes')
on conflict do nothing;
comment on table dreamlit._chores is 'What the worker does besides moving tasks, and when each is due next.';
-- Private row types. They are made once; a change of one is a migration.
do $types$
begin
  if to_regtype('dreamlit._fault') is null then
    create type dreamlit._fault as (place text, fact text, hint text);
    create type dreamlit._claimed as (message_id bigint, attempt integer, content jsonb, lease_until timestamptz);
    create type dreamlit._result as (
      message_id bigint, created_at timestamptz, queue text, channel text, task_id bigint, attempt integer, sender text, started_at timestamptz,
      outcome text, fault text, code text, error text, retry_after double precision, provider text, provider_id text, content jsonb,
      attempts integer, verdict text);
  end if;
end;
$types$;
comment on type dreamlit._fault is
  'One fault of a definition: its place (steps[2].if), a fact with its value, and a hint with the action.';
comment on type dreamlit._claimed is 'A message as claim returns it.';
comment on type dreamlit._result is 'One outcome that a sender reported, with its outbox row and the verdict on it.';


create or replace function dreamlit._now() returns timestamptz
language sql stable parallel safe as $$
  select pg_catalog.now();
$$;
comment on function dreamlit._now() is
  'Returns the transaction''s time. Everything here asks this and no other clock; tests replace it. Not pinned, so that '
  'PostgreSQL inlines it.';
grant execute on function dreamlit._now() to dreamlit_admin, dreamlit_reader;

create or replace function dreamlit._setting_defaults() returns table (name text, value jsonb, meaning text)
language sql immutable set search_path = pg_catalog, pg_temp as $$
  values
    ('renderer', '"sender"'::jsonb, 'who renders templates: database (plpython3u) or sender; the installer sets it'),
    ('lease', '"60 seconds"', 'how long a sender may hold a claimed message; an interrupted delivery is noticed after this'),
    ('batch', '1000', 'tasks that one step may advance in one transaction'),
    ('keep_history', '"90 days"', 'how long finished runs, tasks, messages and attempts stay'),
    ('keep_failed_versions', '"7 days"', 'how long a replaced version stays compiled for the retry of its failed runs');
$$;
comment on function dreamlit._setting_defaults() is 'Returns every setting with its default and its meaning.';
create or replace function dreamlit._setting(p_name text) returns jsonb
language sql stable set search_path = pg_catalog, pg_temp as $$
  select coalesce(
    (select s.value from dreamlit._settings as s where s.name = p_name),
    (select d.value from dreamlit._setting_defaults() as d where d.name = p_name));
$$;
comment on function dreamlit._setting(text) is 'Returns a setting''s value or its default; null for an unknown name.';

create or replace view dreamlit._outbox as
select q.msg_id as message_id, 'email' as channel, 'urgent' as lane, q.vt as ready_at, q.read_ct, q.enqueued_at, q.message, q.headers from pgmq.q_dreamlit_email_urgent as q
union all
select q.msg_id, 'email', 'bulk', q.vt, q.read_ct, q.enqueued_at, q.message, q.headers from pgmq.q_dreamlit_email_bulk as q
union all
select q.msg_id, 'slack', 'urgent', q.vt, q.read_ct, q.enqueued_at, q.message, q.headers from pgmq.q_dreamlit_slack_urgent as q
union all
select q.msg_id, 'slack', 'bulk', q.vt, q.read_ct, q.enqueued_at, q.message, q.headers from pgmq.q_dreamlit_slack_bulk as q;
comment on view dreamlit._outbox is 'The rows of all outbox queues. A header started_at is an attempt that has begun.';

-- Only whole days that are over for longer than keep_history. A partition of messages with an open one among them stays.
create or replace function dreamlit._drop_old_partitions() returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp set lock_timeout = '500ms' as $$
declare
  v_limit constant date := ((dreamlit._now() - (dreamlit._setting('keep_history') #>> '{}')::interval) at time zone 'UTC')::date;
  v_partition record;
  v_open boolean;
  v_count integer := 0;
begin
  for v_partition in
    select c.relname, t.table_name
    from dreamlit._partitioned_tables() as t
    join pg_inherits as i on i.inhparent = to_regclass(format('dreamlit.%I', t.table_name))
    join pg_class as c on c.oid = i.inhrelid
    where case when c.relname ~ '_\d{8}$' then to_date(right(c.relname, 8), 'YYYYMMDD') < v_limit end
    order by c.relname
  loop
    v_open := false;
    if v_partition.table_name = '_messages' then
      execute format('select exists (select from dreamlit.%I as m where m.state in (''queued'', ''uncertain''))', v_partition.relname) into v_open;
    end if;
    continue when v_open;
    execute format('drop table dreamlit.%I', v_partition.relname);
    v_count := v_count + 1;
  end loop;
  return v_count;
exception when lock_not_available then
  return v_count;  -- somebody reads the history just now; the next hour will do
end;
$$;
comment on function dreamlit._drop_old_partitions() is
  'Drops the days of history beyond the setting keep_history, and returns how many partitions went.';
-- A week ahead, in UTC days. A table is made alone and then attached, which takes no lock that readers or writers of the parent
-- would feel.
create or replace function dreamlit._ensure_partitions() returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_today constant date := (dreamlit._now() at time zone 'UTC')::date;
  v_partition record;
  v_count integer := 0;
begin
  if to_regclass(format('dreamlit.%I', '_ignored_events_' || to_char(v_today + 1, 'YYYYMMDD'))) is not null then
    return 0;
  end if;
  perform pg_advisory_xact_lock(hashtext('dreamlit'), hashtext('partitions'));
  for v_partition in
    select t.table_name, t.table_name || '_' || to_char(d.day, 'YYYYMMDD') as name, d.day::date as day
    from dreamlit._partitioned_tables() as t cross join generate_series(v_today - 1, v_today + 7, interval '1 day') as d(day)
  loop
    continue when to_regclass(format('dreamlit.%I', v_partition.name)) is not null;
    execute format('create table dreamlit.%I (like dreamlit.%I including all)', v_partition.name, v_partition.table_name);
    execute format('alter table dreamlit.%I attach partition dreamlit.%I for values from (%L) to (%L)', v_partition.table_name, v_partition.name,
      v_partition.day::text || ' 00:00+00', (v_partition.day + 1)::text || ' 00:00+00');
    v_count := v_count + 1;
  end loop;
  return v_count;
end;
$$;
comment on function dreamlit._ensure_partitions() is
  'Makes the partitions of the coming days where they are missing, and returns how many it made.';
-- Called all the time, does something every few seconds: one row says when each chore was last done, and who holds it does it.
create or replace function dreamlit._housekeep() returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_chore text;
begin
  select c.chore into v_chore from dreamlit._chores as c
  where c.due_at <= clock_timestamp() order by c.due_at limit 1 for update skip locked;
  if not found then
    return;
  end if;
  update dreamlit._chores as c set due_at = clock_timestamp() + c.every where c.chore = v_chore;
  case v_chore
    when 'reap' then perform dreamlit._reap();
    when 'drop partitions' then perform dreamlit._drop_old_partitions();
    when 'drop versions' then perform dreamlit._drop_unused_versions();
    when 'forget workers' then delete from dreamlit._workers as w where w.last_tick_at < clock_timestamp() - interval '1 hour';
  end case;
exception when others then
  raise warning 'dreamlit chore %: % (%)', v_chore, sqlerrm, sqlstate;
end;
$$;
comment on function dreamlit._housekeep() is
  'Does the one chore of the engine that is due, if any: reaping interrupted deliveries, dropping old partitions and unused '
  'versions.';
grant execute on function dreamlit._housekeep() to dreamlit_admin;
create or replace function dreamlit._partitioned_tables() returns table (table_name text)
language sql immutable set search_path = pg_catalog, pg_temp as $$
  values ('_run_history'), ('_task_history'), ('_messages'), ('_attempts'), ('_ignored_events');
$$;
comment on function dreamlit._partitioned_tables() is 'Returns the tables of the engine that have a partition a day.';
create or replace function dreamlit._queues() returns table (queue text)
language sql immutable set search_path = pg_catalog, pg_temp as $$
  values ('dreamlit_events'), ('dreamlit_render'),
    ('dreamlit_email_urgent'), ('dreamlit_email_bulk'), ('dreamlit_slack_urgent'), ('dreamlit_slack_bulk');
$$;
comment on function dreamlit._queues() is 'Returns the pgmq queues of the engine.';

create or replace function dreamlit._as_list(p_value jsonb) returns jsonb
language sql immutable parallel safe set search_path = pg_catalog, pg_temp as $$
  select case when p_value is null or p_value = 'null' then '[]' when jsonb_typeof(p_value) = 'array' then p_value else jsonb_build_array(p_value) end;
$$;
comment on function dreamlit._as_list(jsonb) is
  'Returns a JSON list as it is, null as the empty list, and anything else as a list of one.';
grant execute on function dreamlit._as_list(jsonb) to dreamlit_admin;
create or replace function dreamlit._begin_version(p_definition jsonb, p_publisher name)
returns table (workflow_id bigint, version_id bigint, version integer, previous jsonb, unchanged boolean)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_workflow dreamlit._workflows;
  v_previous dreamlit._versions;
  v_last integer;
begin
  if not pg_has_role(session_user, p_publisher, 'member') then
    raise exception using errcode = 'DL004', message = format('%s is no member of %s', session_user, p_publisher),
      hint = 'publish as yourself';
  end if;
  perform pg_advisory_xact_lock(hashtext('dreamlit'), hashtext('publish'));
  insert into dreamlit._workflows (name, state) values (p_definition ->> 'workflow', 'unpublished') on conflict do nothing;
  select w.* into v_workflow from dreamlit._workflows as w where w.name = p_definition ->> 'workflow' for update;
  select v.* into v_previous from dreamlit._versions as v where v.version_id = v_workflow.version_id;
  select coalesce(max(v.version), 0) into v_last from dreamlit._versions as v where v.workflow_id = v_workflow.workflow_id;

  if v_workflow.state <> 'unpublished' and v_previous.publisher <> p_publisher then
    raise exception using errcode = 'DL003',
      message = format('workflow %s is published by %s, not by %s', v_workflow.name, v_previous.publisher, p_publisher),
      hint = format('set role %I, or unpublish the workflow first', v_previous.publisher);
  end if;
  perform dreamlit._grant_publisher(p_publisher);
  return query select v_workflow.workflow_id,
    nextval(pg_get_serial_sequence('dreamlit._versions', 'version_id')),
    case when q.unchanged then v_previous.version else v_last + 1 end,
    case when v_workflow.state <> 'unpublished' then v_previous.definition end,
    q.unchanged
  from (select v_workflow.state <> 'unpublished' and v_previous.definition = p_definition as unchanged) as q;
end;
$$;
comment on function dreamlit._begin_version(jsonb, name) is
  'Locks the workflow for publishing and returns the ids of the version to be; unchanged if it is published just so. previous '
  'is the published definition.';
grant execute on function dreamlit._begin_version(jsonb, name) to dreamlit_admin;
create or replace function dreamlit._check_call_fields(p_fields jsonb) returns setof dreamlit._fault
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  v_field record;
begin
  if jsonb_typeof(p_fields) is distinct from 'object' then
    return next ('trigger.call', 'call is no mapping of fields to types', 'write call: {email: text, amount: numeric}')::dreamlit._fault;
    return;
  end if;
  for v_field in select f.key, f.value from jsonb_each(p_fields) as f loop
    if v_field.key !~ '^[a-z_][a-z0-9_]*$' then
      return next ('trigger.call.' || v_field.key, format('%s is no field name', v_field.key),
        'use lower-case letters, digits and _')::dreamlit._fault;
    end if;
    if jsonb_typeof(v_field.value) <> 'string' or to_regtype(v_field.value #>> '{}') is null then
      return next ('trigger.call.' || v_field.key, format('%s is no type', v_field.value),
        'use a PostgreSQL type such as text, numeric or timestamptz')::dreamlit._fault;
    end if;
  end loop;
end;
$$;
comment on function dreamlit._check_call_fields(jsonb) is
  'Returns the faults of trigger.call, which maps the fields of start()''s payload to types.';
grant execute on function dreamlit._check_call_fields(jsonb) to dreamlit_admin;
create or replace function dreamlit._check_definition(p_definition jsonb) returns setof dreamlit._fault
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
  if jsonb_typeof(p_definition) is distinct from 'object' then
    return next ('', 'the definition is no mapping', 'write workflow:, trigger: and steps:')::dreamlit._fault;
    return;
  end if;
  return query select f.* from dreamlit._check_keys(
    '', p_definition, array['workflow', 'description', 'trigger', 'steps', 'files', 'references'], array['workflow', 'trigger', 'steps']) as f;
  if coalesce(p_definition ->> 'workflow', 'x') !~ '^[a-z][a-z0-9_-]{0,39}$' then
    return next ('workflow', format('%s is no workflow name', p_definition -> 'workflow'),
      'use lower-case letters, digits, - and _, a letter first, at most 40')::dreamlit._fault;
  end if;
  if p_definition ? 'trigger' then
    return query select f.* from dreamlit._check_trigger(p_definition -> 'trigger') as f;
  end if;
  if p_definition ? 'steps' and (jsonb_typeof(p_definition -> 'steps') <> 'array' or p_definition -> 'steps' = '[]') then
    return next ('steps', 'steps is no list of steps', 'write at least one step')::dreamlit._fault;
    return;
  end if;
  return query
    select format('steps[%s]', s.ordinality - 1), 'the step is no mapping', 'write - id: …'
    from jsonb_array_elements(coalesce(p_definition -> 'steps', '[]')) with ordinality as s(value, ordinality)
    where jsonb_typeof(s.value) <> 'object';
  return query
    select f.* from dreamlit._list_steps(p_definition) as s cross join lateral dreamlit._check_step(s.place, s.kind, s.step) as f;
  return query select f.* from dreamlit._check_tree(p_definition) as f;
end;
$$;
comment on function dreamlit._check_definition(jsonb) is
  'Returns every fault of a definition that can be seen without the database''s tables; no row means none.';
grant execute on function dreamlit._check_definition(jsonb) to dreamlit_admin;
create or replace function dreamlit._check_email(p_place text, p_email jsonb) returns setof dreamlit._fault
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  c_texts constant text[] := array['to', 'cc', 'bcc', 'reply_to', 'from', 'subject', 'html', 'text', 'template'];
begin
  if jsonb_typeof(p_email) <> 'object' then
    return next (p_place, 'email is no mapping', 'write email: {to: "{{ trigger.email }}", subject: …, text: …}')::dreamlit._fault;
    return;
  end if;
  return query select f.* from dreamlit._check_keys(p_place, p_email, c_texts || 'headers'::text, array['to', 'subject']) as f;
  return query select f.* from dreamlit._check_texts(p_place, p_email, c_texts) as f;
  if not p_email ?| array['html', 'text', 'template'] then
    return next (p_place, 'the email has no body', 'add html, text or template')::dreamlit._fault;
  end if;
  if p_email ?& array['html', 'template'] then
    return next (p_place || '.html', 'the email has html and a template', 'keep one of them')::dreamlit._fault;
  end if;
  if p_email ? 'headers' and jsonb_typeof(p_email -> 'headers') <> 'object' then
    return next (p_place || '.headers', 'headers is no mapping', 'write headers: {X-Campaign: welcome}')::dreamlit._fault;
  elsif p_email ? 'headers' then
    return query
      select p_place || '.headers.' || h.key, format('%s cannot be set as a header', h.key),
        'use a name of letters, digits and -, not one that the sender writes itself'
      from jsonb_each(p_email -> 'headers') as h
      where h.key !~ '^[A-Za-z0-9-]{1,76}$' or jsonb_typeof(h.value) <> 'string'
        or lower(h.key) in ('from', 'to', 'cc', 'bcc', 'subject', 'reply-to', 'date', 'message-id', 'mime-version', 'content-type', 'content-transfer-encoding', 'sender', 'return-path');
  end if;
end;
$$;
comment on function dreamlit._check_email(text, jsonb) is
  'Returns the faults of an email''s keys; its templates are checked when the shapes of the steps above are known.';
grant execute on function dreamlit._check_email(text, jsonb) to dreamlit_admin;
create or replace function dreamlit._check_keys(p_place text, p_object jsonb, p_allowed text[], p_required text[] default '{}')
returns setof dreamlit._fault
language sql stable set search_path = pg_catalog, pg_temp as $$
  select concat_ws('.', nullif(p_place, ''), k.key), format('unknown key %s', k.key), dreamlit._did_you_mean(k.key, p_allowed)
  from jsonb_object_keys(p_object) as k(key)
  where k.key <> all (p_allowed)
  union all
  select concat_ws('.', nullif(p_place, ''), r.key), format('%s is missing', r.key), format('add %s', r.key)
  from unnest(p_required) as r(key)
  where not p_object ? r.key or p_object -> r.key = 'null';
$$;
comment on function dreamlit._check_keys(text, jsonb, text[], text[]) is
  'Returns a fault for each key that is not allowed or is required and missing.';
grant execute on function dreamlit._check_keys(text, jsonb, text[], text[]) to dreamlit_admin;
create or replace function dreamlit._check_slack(p_place text, p_slack jsonb) returns setof dreamlit._fault
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
  if jsonb_typeof(p_slack) <> 'object' then
    return next (p_place, 'slack is no mapping', 'write slack: {channel: "#signups", text: …}')::dreamlit._fault;
    return;
  end if;
  return query select f.* from dreamlit._check_keys(p_place, p_slack, array['channel', 'text', 'blocks']) as f;
  return query select f.* from dreamlit._check_texts(p_place, p_slack, array['channel', 'text']) as f;
  if not p_slack ?| array['text', 'blocks'] then
    return next (p_place, 'the Slack message is empty', 'add text, blocks or both')::dreamlit._fault;
  end if;
  -- Slack takes at most 50 blocks a message (its documentation of chat.postMessage).
  if p_slack ? 'blocks' and (jsonb_typeof(p_slack -> 'blocks') <> 'array' or jsonb_array_length(dreamlit._as_list(p_slack -> 'blocks')) > 50) then
    return next (p_place || '.blocks', 'blocks is no list of at most 50 blocks', 'write blocks: [{type: section, …}]')::dreamlit._fault;
  end if;
end;
$$;
comment on function dreamlit._check_slack(text, jsonb) is 'Returns the faults of a Slack message''s keys.';
grant execute on function dreamlit._check_slack(text, jsonb) to dreamlit_admin;
-- One step's own shape; how steps hang together is for _check_tree.
create or replace function dreamlit._check_step(p_place text, p_kind text, p_step jsonb) returns setof dreamlit._fault
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  c_common constant text[] := array['id', 'after', 'if'];
  c_sending constant text[] := array['lane', 'attempts', 'when_uncertain'];
  c_kinds constant text[] := array['wait', 'query', 'email', 'slack'];
  v_kinds text[] := array(select k.kind from unnest(c_kinds) as k(kind) where p_step ? k.kind);
begin
  if cardinality(v_kinds) > 1 then
    return next (p_place, format('the step is %s at once', array_to_string(v_kinds, ' and ')), 'make it one step each')::dreamlit._fault;
    return;
  end if;
  if p_kind is null then
    return next (p_place, 'the step does nothing', format('give it one of: %s, if', array_to_string(c_kinds, ', ')))::dreamlit._fault;
  end if;
  return query select f.* from dreamlit._check_keys(p_place, p_step, c_common || case p_kind
    when 'query' then array['query', 'collect', 'attempts']
    when 'wait' then array['wait', 'attempts']
    when 'email' then 'email'::text || c_sending
    when 'slack' then 'slack'::text || c_sending
    when 'if' then array['attempts']
    else c_kinds || c_sending || array['collect'] end, array['id']) as f;
  return query select f.* from dreamlit._check_texts(p_place, p_step, array['id', 'after', 'if', 'query']) as f;
  return query select f.* from dreamlit._check_step_options(p_place, p_step) as f;
  case p_kind
    when 'wait' then return query select f.* from dreamlit._check_wait(p_place || '.wait', p_step -> 'wait') as f;
    when 'email' then return query select f.* from dreamlit._check_email(p_place || '.email', p_step -> 'email') as f;
    when 'slack' then return query select f.* from dreamlit._check_slack(p_place || '.slack', p_step -> 'slack') as f;
    else null;
  end case;
end;
$$;
comment on function dreamlit._check_step(text, text, jsonb) is 'Returns the faults of one step''s keys and values.';
grant execute on function dreamlit._check_step(text, text, jsonb) to dreamlit_admin;
create or replace function dreamlit._check_step_options(p_place text, p_step jsonb) returns setof dreamlit._fault
language sql stable set search_path = pg_catalog, pg_temp as $$
  select p_place || '.id', format('%s is no step id', p_step -> 'id'),
    'use lower-case letters, digits and _, a letter first, at most 40: it names the step in SQL and in templates'
  where jsonb_typeof(p_step -> 'id') = 'string' and p_step ->> 'id' !~ '^[a-z][a-z0-9_]{0,39}$'
  union all
  select p_place || '.id', format('%s is a word of SQL or of ours', p_step ->> 'id'), 'choose another id'
  where p_step ->> 'id' in ('trigger', 'new', 'old')
     or exists (select from pg_get_keywords() as k where k.word = p_step ->> 'id' and k.catcode in ('R', 'T'))
  union all
  select p_place || '.collect', format('collect is %s', p_step -> 'collect'), 'write true or false'
  where p_step ? 'collect' and jsonb_typeof(p_step -> 'collect') <> 'boolean'
  union all
  select p_place || '.lane', format('%s is no lane', p_step -> 'lane'), 'use urgent or bulk'
  where p_step ? 'lane' and (p_step -> 'lane') not in ('"urgent"', '"bulk"')
  union all
  select p_place || '.when_uncertain', format('%s is no way to treat an uncertain message', p_step -> 'when_uncertain'), 'use hold or retry'
  where p_step ? 'when_uncertain' and (p_step -> 'when_uncertain') not in ('"hold"', '"retry"')
  union all
  select p_place || '.attempts', format('attempts is %s', p_step -> 'attempts'), 'write a whole number from 1 to 50'
  where p_step ? 'attempts' and (p_step ->> 'attempts' !~ '^[0-9]{1,2}$' or (p_step ->> 'attempts') ~ '^0+$' or length(p_step ->> 'attempts') = 2 and p_step ->> 'attempts' > '50'
    or jsonb_typeof(p_step -> 'attempts') <> 'number');
$$;
comment on function dreamlit._check_step_options(text, jsonb) is
  'Returns the faults of a step''s id, collect, lane, when_uncertain and attempts.';
grant execute on function dreamlit._check_step_options(text, jsonb) to dreamlit_admin;
-- Whether the table can be watched by the caller, and the columns that the trigger names.
create or replace function dreamlit._check_table(p_name text, p_table regclass, p_columns jsonb) returns setof dreamlit._fault
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  v_class record;
begin
  if p_table is null then
    return next ('trigger.table', format('there is no table %s', p_name),
      coalesce((select format('did you mean %s?', dreamlit._nearest(p_name, array_agg(format('%I.%I', n.nspname, c.relname))))
        from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
        where c.relkind in ('r', 'p') and n.nspname !~ '^(pg_|information_schema|dreamlit|pgmq|cron)'
        having dreamlit._nearest(p_name, array_agg(format('%I.%I', n.nspname, c.relname))) is not null),
        'write schema.table, quoted where SQL would want quotes'))::dreamlit._fault;
    return;
  end if;
  select c.relkind, c.relpersistence, n.nspname, pg_get_userbyid(c.relowner) as owner into v_class
  from pg_class as c join pg_namespace as n on n.oid = c.relnamespace where c.oid = p_table;
  if v_class.nspname in ('dreamlit', 'dreamlit_workflows', 'pgmq', 'cron', 'pg_catalog', 'information_schema') then
    return next ('trigger.table', format('%s belongs to the engine or the system', p_table), 'watch a table of your own')::dreamlit._fault;
  elsif v_class.relkind not in ('r', 'p') then
    return next ('trigger.table', format('%s is no ordinary or partitioned table', p_table), 'watch the table behind it')::dreamlit._fault;
  elsif v_class.relpersistence = 't' then
    return next ('trigger.table', format('%s is a temporary table', p_table), 'watch a permanent table')::dreamlit._fault;
  elsif not has_table_privilege(p_table, 'TRIGGER') then
    return next ('trigger.table', format('%s may not put a trigger on %s', current_user, p_table),
      format('let its owner say: grant trigger on %s to %I', p_table, current_user))::dreamlit._fault;
  end if;
  return query
    select 'trigger.columns', format('%s has no column %s', p_table, c.value), dreamlit._did_you_mean(c.value, array(select t.column_name from dreamlit._table_columns(p_table) as t))
    from jsonb_array_elements_text(p_columns) as c(value)
    where c.value not in (select t.column_name from dreamlit._table_columns(p_table) as t);
end;
$$;
comment on function dreamlit._check_table(text, regclass, jsonb) is 'Returns the faults of watching a table as the current role.';
grant execute on function dreamlit._check_table(text, regclass, jsonb) to dreamlit_admin;
-- A template reads the trigger, the old row and the query steps above it.
create or replace function dreamlit._check_template_uses(p_place text, p_references jsonb, p_scope jsonb)
returns setof dreamlit._fault
language sql stable set search_path = pg_catalog, pg_temp as $$
  select format('%s.%s', p_place, r.value ->> 'field'), concat_ws(' ', r.value ->> 'error', 'in line ' || (r.value ->> 'line')),
    coalesce(r.value ->> 'hint', 'mend the template')
  from jsonb_array_elements(p_references) as r
  where r.value ? 'error'
  union all
  select format('%s.%s', p_place, r.value ->> 'field'), format('nothing here is called %s', r.value #>> '{path,0}'),
    dreamlit._did_you_mean(r.value #>> '{path,0}', array(select s.value ->> 'alias' from jsonb_array_elements(p_scope) as s))
  from jsonb_array_elements(p_references) as r
  where r.value ? 'path' and not exists (select from jsonb_array_elements(p_scope) as s where s.value ->> 'alias' = r.value #>> '{path,0}')
  union all
  select format('%s.%s', p_place, r.value ->> 'field'),
    format('%s.%s: the step %s has no column %s', r.value #>> '{path,0}', r.value #>> '{path,1}', r.value #>> '{path,0}', r.value #>> '{path,1}'),
    dreamlit._did_you_mean(r.value #>> '{path,1}', array(select c.value ->> 'name' from jsonb_array_elements(s.value -> 'columns') as c))
  from jsonb_array_elements(p_references) as r
  join jsonb_array_elements(p_scope) as s on s.value ->> 'alias' = r.value #>> '{path,0}'
  where s.value ->> 'alias' not in ('trigger', 'old') and not (s.value ->> 'list')::boolean and r.value #>> '{path,1}' is not null
    and not exists (select from jsonb_array_elements(s.value -> 'columns') as c where c.value ->> 'name' = r.value #>> '{path,1}');
$$;
comment on function dreamlit._check_template_uses(text, jsonb, jsonb) is
  'Returns the faults of a step''s templates: what does not parse, and names that are not in its scope.';
grant execute on function dreamlit._check_template_uses(text, jsonb, jsonb) to dreamlit_admin;
create or replace function dreamlit._check_texts(p_place text, p_object jsonb, p_keys text[]) returns setof dreamlit._fault
language sql stable set search_path = pg_catalog, pg_temp as $$
  select
    concat_ws('.', nullif(p_place, ''), k.key),
    format('%s is %s, not a text', k.key, case jsonb_typeof(k.value) when 'string' then 'empty' else jsonb_typeof(k.value) end),
    'write it as a non-empty text'
  from jsonb_each(p_object) as k(key, value)
  where k.key = any (p_keys) and (jsonb_typeof(k.value) <> 'string' or trim(k.value #>> '{}') = '');
$$;
comment on function dreamlit._check_texts(text, jsonb, text[]) is
  'Returns a fault for each of the named keys whose value is not a non-empty text.';
grant execute on function dreamlit._check_texts(text, jsonb, text[]) to dreamlit_admin;
create or replace function dreamlit._check_tree(p_definition jsonb) returns setof dreamlit._fault
language sql stable set search_path = pg_catalog, pg_temp as $$
  with recursive steps as (
    select * from dreamlit._list_steps(p_definition)
  ), ids as (
    select array_agg(name order by step_position) filter (where name is not null) as names from steps
  ), reached as (
    select 'trigger' as name
    union
    select s.name from reached as r join steps as s on s.parent = r.name
  )
  select s.place || '.id', format('the id %s is used %s times', s.name, count(*) over (partition by s.name)), 'give each step an id of its own'
  from steps as s
  where s.name in (select t.name from steps as t group by t.name having count(*) > 1)
  union all
  select s.place || '.after', format('there is no step %s', s.parent), dreamlit._did_you_mean(s.parent, 'trigger'::text || ids.names)
  from steps as s cross join ids
  where s.step ? 'after' and s.parent <> 'trigger' and s.parent <> all (coalesce(ids.names, '{}'))
  union all
  select s.place || '.after', format('%s comes after itself', s.name), 'let one step of the circle come after trigger'
  from steps as s cross join ids
  where s.name not in (select r.name from reached as r)
    and not exists (select from steps as m where m.parent <> 'trigger' and m.parent <> all (coalesce(ids.names, '{}')))
    and not exists (select from steps as m where m.name is null);
$$;
comment on function dreamlit._check_tree(jsonb) is
  'Returns the faults of how the steps hang together: duplicate ids, missing parents, circles.';
grant execute on function dreamlit._check_tree(jsonb) to dreamlit_admin;
-- The trigger's shape only; whether the table and its columns are there is for _check_table.
create or replace function dreamlit._check_trigger(p_trigger jsonb) returns setof dreamlit._fault
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  c_operations constant text[] := array['insert', 'update', 'delete'];
begin
  if jsonb_typeof(p_trigger) is distinct from 'object' then
    return next ('trigger', 'the trigger is no mapping', 'write trigger: {table: public.users, on: insert}')::dreamlit._fault;
    return;
  end if;
  if p_trigger ? 'call' then
    return query select f.* from dreamlit._check_keys('trigger', p_trigger, array['call', 'key']) as f;
    return query select f.* from dreamlit._check_call_fields(p_trigger -> 'call') as f;
  else
    return query select f.* from dreamlit._check_keys(
      'trigger', p_trigger, array['table', 'on', 'when', 'columns', 'key', 'call'], array['table', 'on']) as f;
  end if;
  return query select f.* from dreamlit._check_texts('trigger', p_trigger, array['table', 'when', 'key']) as f;

  return query
    select 'trigger.on', format('%s is no change of a row', o.value), dreamlit._did_you_mean(o.value #>> '{}', c_operations)
    from jsonb_array_elements(dreamlit._as_list(p_trigger -> 'on')) as o(value)
    where not (jsonb_typeof(o.value) = 'string' and o.value #>> '{}' = any (c_operations));
  if p_trigger ? 'columns' and not dreamlit._as_list(p_trigger -> 'on') ? 'update' then
    return next ('trigger.columns', 'columns are given, but the trigger is not on update',
      'columns says which columns an update must change: add update to on, or remove columns')::dreamlit._fault;
  end if;
  return query
    select 'trigger.columns', format('%s is no column name', c.value), 'write columns: [status, amount]'
    from jsonb_array_elements(dreamlit._as_list(p_trigger -> 'columns')) as c(value)
    where jsonb_typeof(c.value) <> 'string';
end;
$$;
comment on function dreamlit._check_trigger(jsonb) is
  'Returns the faults of a definition''s trigger that can be seen without looking at the table.';
grant execute on function dreamlit._check_trigger(jsonb) to dreamlit_admin;
-- Column names of the trigger's row, in SQL and templates alike, against what the table (or the call) has.
create or replace function dreamlit._check_uses(p_table regclass, p_columns jsonb, p_uses jsonb, p_operations text[])
returns setof dreamlit._fault
language sql stable set search_path = pg_catalog, pg_temp as $$
  with columns as (
    select c.value ->> 'name' as name, coalesce((c.value ->> 'virtual')::boolean, false) as is_virtual
    from jsonb_array_elements(p_columns) as c
  ), names as (
    select coalesce(array_agg(c.name), '{}') as names from columns as c
  ), uses as (
    select distinct u.value ->> 'place' as place, u.value ->> 'alias' as alias, u.value ->> 'column' as column_name
    from jsonb_array_elements(p_uses) as u
    where u.value ->> 'alias' in ('trigger', 'new', 'old')
  )
  select u.place, format('%s.%s: %s has no column %s', u.alias, u.column_name, coalesce(p_table::text, 'the call'), u.column_name),
    dreamlit._did_you_mean(u.column_name, n.names)
  from uses as u cross join names as n
  where u.column_name <> all (n.names)
  union all
  select u.place, format('%s.%s is a virtual generated column, which triggers do not see', u.alias, u.column_name), 'write its expression instead'
  from uses as u join columns as c on c.name = u.column_name
  where c.is_virtual
  union all
  select u.place, format('%s.%s: the publisher %s may not read %s', u.alias, u.column_name, current_user, u.column_name),
    format('let the owner say: grant select (%I) on %s to %I', u.column_name, p_table, current_user)
  from uses as u join columns as c on c.name = u.column_name
  where p_table is not null and not has_column_privilege(p_table, c.name, 'SELECT')
  union all
  select distinct u.place, format('there is no old row on %s', array_to_string(p_operations, ' or ')), 'use trigger or new'
  from uses as u
  where u.alias = 'old' and u.column_name is not null and not p_operations && array['update', 'delete']
  union all
  select distinct u.place, 'there is no new row on delete', 'use trigger or old'
  from uses as u
  where u.alias = 'new' and u.column_name is not null and p_operations = array['delete'];
$$;
comment on function dreamlit._check_uses(regclass, jsonb, jsonb, text[]) is
  'Returns a fault for each column of trigger, new or old that is not there, is not readable by the current role, or has no row '
  'to be read from.';
grant execute on function dreamlit._check_uses(regclass, jsonb, jsonb, text[]) to dreamlit_admin;
create or replace function dreamlit._check_wait(p_place text, p_wait jsonb) returns setof dreamlit._fault
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
  if jsonb_typeof(p_wait) = 'object' then
    return query select f.* from dreamlit._check_keys(p_place, p_wait, array['until'], array['until']) as f;
    return query select f.* from dreamlit._check_texts(p_place, p_wait, array['until']) as f;
    return;
  end if;
  if jsonb_typeof(p_wait) <> 'string' then
    return next (p_place, format('wait is %s', p_wait), 'write an interval such as 3 days, or {until: an SQL timestamptz}')::dreamlit._fault;
    return;
  end if;
  if (p_wait #>> '{}')::interval < interval '0' then
    return next (p_place, format('wait is %s, which is negative', p_wait), 'write a positive interval such as 3 days')::dreamlit._fault;
  end if;
exception when data_exception then
  return next (p_place, format('%s is no interval', p_wait), 'write an interval such as 3 days or 90 minutes, or {until: an SQL timestamptz}')::dreamlit._fault;
end;
$$;
comment on function dreamlit._check_wait(text, jsonb) is 'Returns the faults of a wait: an interval, or {until: SQL}.';
grant execute on function dreamlit._check_wait(text, jsonb) to dreamlit_admin;
-- Capture only what the workflow reads: the columns it names, all of them where it reads the row whole, and the primary key.
create or replace function dreamlit._choose_columns(p_columns jsonb, p_uses jsonb, p_aliases text[], p_always text[])
returns jsonb
language sql stable set search_path = pg_catalog, pg_temp as $$
  with uses as (
    select u.value ->> 'column' as column_name
    from jsonb_array_elements(p_uses) as u
    where u.value ->> 'alias' = any (p_aliases)
  )
  select coalesce(jsonb_agg(c.value order by c.ordinality), '[]')
  from jsonb_array_elements(p_columns) with ordinality as c(value, ordinality)
  where c.value ->> 'name' = any (p_always)
     or exists (select from uses as u where u.column_name is null or u.column_name = c.value ->> 'name');
$$;
comment on function dreamlit._choose_columns(jsonb, jsonb, text[], text[]) is
  'Returns those of p_columns ({"name", "type"}) that the uses read under the aliases, and those always wanted.';
grant execute on function dreamlit._choose_columns(jsonb, jsonb, text[], text[]) to dreamlit_admin;
-- The one place that refers to the user's table: PostgreSQL follows its columns through renames and refuses to drop them.
-- It reads them through FROM: a function that took the table's row type would block ALTER TABLE … ADD COLUMN … DEFAULT.
create or replace function dreamlit._compile_anchor(p_name text, p_table regclass, p_columns text[]) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  perform dreamlit._create_function('pg_catalog', p_name || '()', format(
    E'create function %s() returns setof jsonb language sql stable\nbegin atomic\n  select jsonb_build_object(%s) from %s as dreamlit_table;\nend',
    p_name,
    (select string_agg(format('%L, dreamlit_table.%I', c.name, c.name), ', ') from unnest(p_columns) as c(name)),
    p_table));
end;
$$;
comment on function dreamlit._compile_anchor(text, regclass, text[]) is
  'Creates the function that pins the captured columns of a watched table; it is never called.';
grant execute on function dreamlit._compile_anchor(text, regclass, text[]) to dreamlit_admin;
-- A condition or key over the changed row: a plain function that PostgreSQL can inline into the trigger's own statement.
create or replace function dreamlit._compile_condition(
  p_search_path text, p_place text, p_expression text, p_type text, p_name text, p_items_name text, p_trigger_type text, p_old_type text)
returns jsonb
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_scope jsonb := jsonb_build_array(
    jsonb_build_object('alias', 'trigger', 'key', 'trigger', 'type', p_trigger_type, 'list', false),
    jsonb_build_object('alias', 'new', 'key', 'new', 'type', p_trigger_type, 'list', false),
    jsonb_build_object('alias', 'old', 'key', 'old', 'type', p_old_type, 'list', false));
  v_faults jsonb;
begin
  select coalesce(jsonb_agg(f), '[]') into v_faults
  from dreamlit._probe_expression(p_search_path, p_place, p_expression, v_scope, p_type) as f;
  if v_faults <> '[]' then
    return v_faults;
  end if;
  perform dreamlit._create_function(p_search_path, format('%s(%s, %s, %s)', p_name, p_trigger_type, p_trigger_type, p_old_type), format(
    E'create function %1$s("trigger" %2$s, "new" %2$s, "old" %3$s) returns %4$s language sql stable\nbegin atomic\n  select (\n%5$s\n);\nend',
    p_name, p_trigger_type, p_old_type, p_type, p_expression));
  -- The same over items, for a run whose condition or key failed at capture and is tried again.
  perform dreamlit._create_item_function(p_search_path, p_items_name, p_type, format(E'(\n%s\n)', p_expression), v_scope);
  return '[]';
exception when others then
  return jsonb_build_array((p_place, sqlerrm, dreamlit._hint_for(sqlstate, 'expression'))::dreamlit._fault);
end;
$$;
comment on function dreamlit._compile_condition(text, text, text, text, text, text, text, text) is
  'Compiles trigger.when or trigger.key into p_name(trigger, new, old), and into the batch function p_items_name; returns its '
  'faults.';
grant execute on function dreamlit._compile_condition(text, text, text, text, text, text, text, text) to dreamlit_admin;
create or replace function dreamlit._compile_expression(
  p_search_path text, p_place text, p_expression text, p_scope jsonb, p_type text, p_name text)
returns jsonb
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_faults jsonb := (
    select coalesce(jsonb_agg(f), '[]')
    from dreamlit._probe_expression(p_search_path, p_place, p_expression, p_scope, p_type) as f);
begin
  if v_faults = '[]' then
    perform dreamlit._create_item_function(p_search_path, p_name, p_type, format(E'(\n%s\n)', p_expression), p_scope);
  end if;
  return v_faults;
exception when others then
  return jsonb_build_array((p_place, sqlerrm, dreamlit._hint_for(sqlstate, 'expression'))::dreamlit._fault);
end;
$$;
comment on function dreamlit._compile_expression(text, text, text, jsonb, text, text) is
  'Compiles an SQL expression into the batch function p_name; returns its faults as a list, empty if there are none.';
grant execute on function dreamlit._compile_expression(text, text, text, jsonb, text, text) to dreamlit_admin;
-- start() checks its payload here, as the publisher: a type's input code must not run with the engine's rights.
create or replace function dreamlit._compile_payload(p_name text, p_type text) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  perform dreamlit._create_function('pg_catalog, pg_temp', p_name || '(jsonb)', format(
    E'create function %s(p_payload jsonb) returns jsonb language sql stable security definer set search_path = pg_catalog, pg_temp\nbegin atomic\n  select to_jsonb(jsonb_populate_record(null::%s, p_payload));\nend',
    p_name, p_type));
end;
$$;
comment on function dreamlit._compile_payload(text, text) is
  'Creates a version''s function that turns a payload given by hand into one of the right columns and types.';
grant execute on function dreamlit._compile_payload(text, text) to dreamlit_admin;
create or replace function dreamlit._compile_query(
  p_search_path text, p_workflow text, p_version integer, p_step record, p_scope jsonb)
returns jsonb
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_query text := regexp_replace(p_step.step ->> 'query', ';\s*$', '');
  v_name text := dreamlit._object_name(p_workflow, p_version, p_step.name || '_query');
  v_type text := dreamlit._object_name(p_workflow, p_version, p_step.name);
  v_columns jsonb;
  v_hint text;
begin
  select jsonb_agg(jsonb_build_object('name', p.column_name, 'type', p.type_name)) into v_columns
  from dreamlit._probe(p_search_path, format(E'select dreamlit_row.* from (select null::jsonb as item) as dreamlit_item\n  %s\n  cross join lateral (\n%s\n) as dreamlit_row',
    dreamlit._scope_sql(p_scope, 'dreamlit_item.item'), v_query)) as p;
  if v_columns @> '[{"name": "?column?"}]' then
    return jsonb_build_object('faults', jsonb_build_array(
      (p_step.place || '.query', 'the query has a column without a name', 'name it: select … as name')::dreamlit._fault));
  end if;
  perform dreamlit._create_type(v_type, v_columns);
  perform dreamlit._create_item_function(p_search_path, v_name, 'jsonb', format('pg_catalog.to_jsonb(row(dreamlit_row.*)::%s)', v_type), p_scope, v_query);
  return jsonb_build_object('sql_function', v_name, 'scope', jsonb_build_object(
    'alias', p_step.name, 'key', p_step.name, 'type', v_type,
    'list', coalesce((p_step.step -> 'collect')::boolean, false), 'columns', v_columns));
exception when others then
  get stacked diagnostics v_hint = pg_exception_hint;
  return jsonb_build_object('faults', jsonb_build_array(
    (p_step.place || '.query', sqlerrm, coalesce(nullif(v_hint, ''), dreamlit._hint_for(sqlstate, 'query')))::dreamlit._fault));
end;
$$;
comment on function dreamlit._compile_query(text, text, integer, record, jsonb) is
  'Compiles a query step and the type of its rows; returns {"faults"} or {"sql_function", "scope"}.';
grant execute on function dreamlit._compile_query(text, text, integer, record, jsonb) to dreamlit_admin;
-- Compiles one step's condition and SQL over its scope; the answer carries what the steps below may use.
create or replace function dreamlit._compile_step(
  p_search_path text, p_workflow text, p_version integer, p_step record, p_scope jsonb, p_references jsonb)
returns jsonb
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_faults jsonb := '[]';
  v_if text := p_step.step ->> 'if';
  v_until text := p_step.step #>> '{wait,until}';
  v_name text;
  v_answer jsonb;
begin
  if v_if is not null then
    v_name := dreamlit._object_name(p_workflow, p_version, p_step.name || '_if');
    v_faults := v_faults || dreamlit._compile_expression(p_search_path, p_step.place || '.if', v_if, p_scope, 'boolean', v_name);
    v_answer := jsonb_build_object('if_function', v_name);
  end if;
  if v_until is not null then
    v_name := dreamlit._object_name(p_workflow, p_version, p_step.name || '_until');
    v_faults := v_faults || dreamlit._compile_expression(
      p_search_path, p_step.place || '.wait.until', v_until, p_scope, 'timestamp with time zone', v_name);
    v_answer := coalesce(v_answer, '{}') || jsonb_build_object('sql_function', v_name);
  elsif p_step.kind = 'query' then
    v_answer := coalesce(v_answer, '{}') || dreamlit._compile_query(p_search_path, p_workflow, p_version, p_step, p_scope);
    v_faults := v_faults || coalesce(v_answer -> 'faults', '[]');
  elsif p_step.kind in ('email', 'slack') then
    v_faults := v_faults || (
      select coalesce(jsonb_agg(f), '[]')
      from dreamlit._check_template_uses(p_step.place || '.' || p_step.kind, coalesce(p_references, '[]'), p_scope) as f);
  end if;
  return coalesce(v_answer, '{}') || jsonb_build_object('faults', v_faults);
end;
$$;
comment on function dreamlit._compile_step(text, text, integer, record, jsonb, jsonb) is
  'Compiles a step; returns {"faults", "if_function", "sql_function", "scope"} with scope the entry that a query adds for the '
  'steps below.';
grant execute on function dreamlit._compile_step(text, text, integer, record, jsonb, jsonb) to dreamlit_admin;
-- The types of the captured rows, the anchor, and the functions that the generated trigger calls.
create or replace function dreamlit._compile_trigger(
  p_search_path text, p_workflow text, p_version integer, p_trigger jsonb, p_table regclass, p_columns jsonb, p_uses jsonb)
returns jsonb
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_type text := dreamlit._object_name(p_workflow, p_version, 'trigger');
  v_old_type text := dreamlit._object_name(p_workflow, p_version, 'old');
  v_when text := dreamlit._object_name(p_workflow, p_version, 'when');
  v_when_items text := dreamlit._object_name(p_workflow, p_version, 'when_items');
  v_key_items text := dreamlit._object_name(p_workflow, p_version, 'key_items');
  v_key text := dreamlit._object_name(p_workflow, p_version, 'key');
  v_columns jsonb := case when p_table is null then p_columns
    else dreamlit._choose_columns(p_columns, p_uses, array['trigger', 'new'], dreamlit._primary_key(p_table)) end;
  v_old_columns jsonb := dreamlit._choose_columns(case when p_table is null then '[]' else p_columns end, p_uses, array['old'], '{}');
  v_faults jsonb := '[]';
begin
  perform dreamlit._create_type(v_type, v_columns);
  perform dreamlit._create_type(v_old_type, v_old_columns);
  if p_trigger ? 'when' then
    v_faults := v_faults || dreamlit._compile_condition(p_search_path, 'trigger.when', p_trigger ->> 'when', 'boolean', v_when, v_when_items, v_type, v_old_type);
  end if;
  if p_trigger ? 'key' then
    v_faults := v_faults || dreamlit._compile_condition(p_search_path, 'trigger.key', format(E'(\n%s\n)::text', p_trigger ->> 'key'), 'text', v_key, v_key_items, v_type, v_old_type);
  end if;
  if v_faults = '[]' then
    perform dreamlit._compile_payload(dreamlit._object_name(p_workflow, p_version, 'payload'), v_type);
  end if;
  return jsonb_build_object(
    'faults', v_faults, 'type', v_type, 'old_type', v_old_type, 'columns', v_columns, 'old_columns', v_old_columns,
    'when', case when p_trigger ? 'when' then v_when end, 'when_items', case when p_trigger ? 'when' then v_when_items end, 'key', case when p_trigger ? 'key' then v_key end,
    'key_items', case when p_trigger ? 'key' then v_key_items end);
end;
$$;
comment on function dreamlit._compile_trigger(text, text, integer, jsonb, regclass, jsonb, jsonb) is
  'Compiles what the trigger needs besides its trigger functions; returns the names and columns that _compile_capture takes, '
  'and faults.';
grant execute on function dreamlit._compile_trigger(text, text, integer, jsonb, regclass, jsonb, jsonb) to dreamlit_admin;
-- Everything that publishing creates for the version except the triggers. All faults of all steps are gathered; a step whose
-- query does not compile leaves its name out of scope, so the steps below are checked without it only if they do not use it.
create or replace function dreamlit._compile_version(
  p_search_path text, p_version integer, p_definition jsonb, p_references jsonb)
returns jsonb
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_workflow constant text := p_definition ->> 'workflow';
  v_trigger constant jsonb := p_definition -> 'trigger';
  v_operations constant text[] := array(select jsonb_array_elements_text(dreamlit._as_list(v_trigger -> 'on')));
  v_table regclass := dreamlit._resolve_table(p_search_path, v_trigger ->> 'table');
  v_columns jsonb;
  v_uses jsonb;
  v_faults jsonb;
  v_capture jsonb;
  v_scopes jsonb;
  v_steps jsonb := '[]';
  v_broken text[] := '{}';
  v_step record;
  v_compiled jsonb;
begin
  if v_trigger ? 'table' then
    select coalesce(jsonb_agg(f), '[]') into v_faults
    from dreamlit._check_table(v_trigger ->> 'table', v_table, dreamlit._as_list(v_trigger -> 'columns')) as f;
    if v_table is null then
      return jsonb_build_object('faults', v_faults);
    end if;
    select coalesce(jsonb_agg(jsonb_build_object('name', c.column_name, 'type', c.type_name, 'virtual', c.is_virtual) order by c.column_number), '[]')
    into v_columns from dreamlit._table_columns(v_table) as c;
  else
    v_faults := '[]';
    select coalesce(jsonb_agg(jsonb_build_object('name', c.key, 'type', to_regtype(c.value)::text)), '[]')
    into v_columns from jsonb_each_text(v_trigger -> 'call') as c;
  end if;

  select coalesce(jsonb_agg(jsonb_build_object('place', u.place, 'alias', u.alias, 'column', u.column_name)), '[]')
  into v_uses from dreamlit._list_uses(p_definition, p_references) as u;
  v_faults := v_faults || (select coalesce(jsonb_agg(f), '[]') from dreamlit._check_uses(v_table, v_columns, v_uses, v_operations) as f);

  v_capture := dreamlit._compile_trigger(p_search_path, v_workflow, p_version, v_trigger, v_table, v_columns, v_uses);
  v_faults := v_faults || (v_capture -> 'faults');
  v_scopes := jsonb_build_object('trigger', jsonb_build_array(
    jsonb_build_object('alias', 'trigger', 'key', 'trigger', 'type', v_capture ->> 'type', 'list', false),
    jsonb_build_object('alias', 'old', 'key', 'old', 'type', v_capture ->> 'old_type', 'list', false)));

  for v_step in select * from dreamlit._order_steps(p_definition) loop
    continue when v_step.parent = any (v_broken);
    v_compiled := dreamlit._compile_step(
      p_search_path, v_workflow, p_version, v_step, v_scopes -> v_step.parent, p_references -> (v_step.place || '.' || v_step.kind));
    v_faults := v_faults || (v_compiled -> 'faults');
    if v_step.kind = 'query' and not v_compiled ? 'scope' then
      v_broken := v_broken || v_step.name;
    end if;
    v_scopes := v_scopes || jsonb_build_object(v_step.name, case when v_compiled ? 'scope'
      then (v_scopes -> v_step.parent) || jsonb_build_array(v_compiled -> 'scope') else v_scopes -> v_step.parent end);
    v_steps := v_steps || jsonb_build_array(jsonb_build_object(
      'position', v_step.step_position, 'name', v_step.name, 'kind', v_step.kind, 'parent', v_step.parent,
      'if_function', v_compiled ->> 'if_function', 'sql_function', v_compiled ->> 'sql_function',
      'settings', dreamlit._step_settings(v_step.kind, v_step.step, v_step.below_query)));
  end loop;
  return jsonb_build_object(
    'faults', dreamlit._distinct_faults(v_faults), 'table', v_table, 'operations', to_jsonb(v_operations), 'capture', v_capture, 'steps', v_steps);
end;
$$;
comment on function dreamlit._compile_version(text, integer, jsonb, jsonb) is
  'Compiles a checked definition as the caller; returns {"faults", "table", "operations", "capture", "steps"}. Nothing of it '
  'stays if the caller rolls back.';
grant execute on function dreamlit._compile_version(text, integer, jsonb, jsonb) to dreamlit_admin;
-- The engine calls what publishers own. A publisher could turn such a function into one that runs with the caller's rights,
-- so each call is preceded by this.
create or replace function dreamlit._compiled(p_function text, p_publisher name, p_arguments text default '(bigint[], jsonb[])')
returns text
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  v_oid regprocedure := to_regprocedure(p_function || p_arguments);
begin
  if v_oid is null then
    raise exception using errcode = 'DL003',
      message = format('%s%s is gone: its version has been retired', p_function, p_arguments),
      hint = 'start the workflow afresh: dreamlit.start(name, payload)';
  end if;
  if not exists (
    select from pg_proc as p
    where p.oid = v_oid and p.prosecdef and p.pronamespace = 'dreamlit_workflows'::regnamespace and pg_get_userbyid(p.proowner) = p_publisher
  ) then
    raise exception using errcode = 'DL004',
      message = format('%s is no longer a security definer function of %s', v_oid, p_publisher),
      hint = 'publish the workflow again';
  end if;
  return p_function;
end;
$$;
comment on function dreamlit._compiled(text, name, text) is
  'Returns the name of a compiled function if it still runs with its publisher''s rights only; raises DL003 if it is gone, '
  'DL004 if it was tampered with.';
create or replace function dreamlit._create_function(p_search_path text, p_signature text, p_sql text) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  perform dreamlit._run_ddl(p_search_path, p_sql);
  execute format('revoke execute on function %s from public', p_signature);
  execute format('grant execute on function %s to dreamlit_owner', p_signature);
end;
$$;
comment on function dreamlit._create_function(text, text, text) is
  'Creates a compiled function as the caller and lets nobody but the caller and the engine''s owner call it.';
grant execute on function dreamlit._create_function(text, text, text) to dreamlit_admin;
-- Takes the batch, not the item: one call lets the planner join all items at once.
create or replace function dreamlit._create_item_function(
  p_search_path text, p_name text, p_result_type text, p_result text, p_scope jsonb, p_query text default null)
returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  perform dreamlit._create_function(p_search_path, p_name || '(bigint[], jsonb[])', format($sql$
create function %1$s(p_ids bigint[], p_items jsonb[]) returns table (item_id bigint, result %2$s)
language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
  select dreamlit_item.id, %3$s
  from rows from (pg_catalog.unnest(p_ids), pg_catalog.unnest(p_items)) as dreamlit_item(id, item)
  %4$s
  %5$s;
end $sql$,
    p_name, p_result_type, p_result, dreamlit._scope_sql(p_scope, 'dreamlit_item.item'),
    case when p_query is not null then format(E'cross join lateral (\n%s\n) as dreamlit_row', p_query) end));
  -- An empty batch runs the permission checks and everything else that PostgreSQL leaves until execution.
  execute format('select from %s(''{}'', ''{}'')', p_name);
end;
$$;
comment on function dreamlit._create_item_function(text, text, text, text, jsonb, text) is
  'Creates the compiled batch function of a step and calls it once with no items, so that missing rights show at publish.';
grant execute on function dreamlit._create_item_function(text, text, text, text, jsonb, text) to dreamlit_admin;
create or replace function dreamlit._create_type(p_name text, p_columns jsonb) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  execute format('create type %s as (%s)', p_name, (
    select string_agg(format('%I %s', c.value ->> 'name', c.value ->> 'type'), ', ' order by c.ordinality)
    from jsonb_array_elements(p_columns) with ordinality as c(value, ordinality)));
  execute format('revoke usage on type %s from public', p_name);
  execute format('grant usage on type %s to dreamlit_owner', p_name);
end;
$$;
comment on function dreamlit._create_type(text, jsonb) is
  'Creates a composite type from a list of {"name", "type"}, for the engine''s owner to use.';
grant execute on function dreamlit._create_type(text, jsonb) to dreamlit_admin;
create or replace function dreamlit._did_you_mean(p_word text, p_words text[]) returns text
language sql immutable parallel safe set search_path = pg_catalog, pg_temp as $$
  select case
    when dreamlit._nearest(p_word, p_words) is not null then format('did you mean %s?', dreamlit._nearest(p_word, p_words))
    when cardinality(p_words) = 0 then 'there is none to choose from'
    else format('use one of: %s', array_to_string(p_words, ', '))
  end;
$$;
comment on function dreamlit._did_you_mean(text, text[]) is
  'Returns the hint for a word that is not among p_words: the nearest one, or all of them.';
grant execute on function dreamlit._did_you_mean(text, text[]) to dreamlit_admin;
-- One misspelt column is found by our own check and by PostgreSQL's compiler: the first told of a place is the one that says
-- more.
create or replace function dreamlit._distinct_faults(p_faults jsonb) returns jsonb
language sql stable set search_path = pg_catalog, pg_temp as $$
  select coalesce(jsonb_agg(f.value order by f.ordinality), '[]')
  from jsonb_array_elements(p_faults) with ordinality as f(value, ordinality)
  where not exists (
    select from jsonb_array_elements(p_faults) with ordinality as g(value, ordinality)
    where g.value ->> 'place' = f.value ->> 'place' and g.ordinality < f.ordinality
      and (f.value = g.value or f.value ->> 'fact' like 'column % does not exist'));
$$;
comment on function dreamlit._distinct_faults(jsonb) is
  'Returns the faults without repetitions, and without PostgreSQL''s word on a column that we named already.';
grant execute on function dreamlit._distinct_faults(jsonb) to dreamlit_admin;
create or replace function dreamlit._drop_compiled(p_workflow text, p_version integer) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_parts constant text[] := array['trigger', 'old', 'when', 'when_items', 'key', 'key_items', 'event', 'columns', 'payload'] || array(
    select s.name || u.suffix
    from dreamlit._steps as s join dreamlit._versions as v using (version_id) join dreamlit._workflows as w using (workflow_id)
    cross join unnest(array['', '_if', '_query', '_until']) as u(suffix)
    where w.name = p_workflow and v.version = p_version);
  v_names constant text[] := array(select dreamlit._object_name(p_workflow, p_version, p.part) from unnest(v_parts) as p(part));
  v_sql text;
begin
  for v_sql in
    select format('drop function %s', p.oid::regprocedure)
    from pg_proc as p
    where p.pronamespace = 'dreamlit_workflows'::regnamespace and format('dreamlit_workflows.%I', p.proname) = any (v_names)
    order by p.proname like '%event' desc
  loop
    execute v_sql;
  end loop;
  for v_sql in
    select format('drop type dreamlit_workflows.%I', t.typname)
    from pg_type as t
    where t.typnamespace = 'dreamlit_workflows'::regnamespace and t.typtype = 'c' and format('dreamlit_workflows.%I', t.typname) = any (v_names)
  loop
    execute v_sql;
  end loop;
end;
$$;
comment on function dreamlit._drop_compiled(text, integer) is 'Drops the compiled functions and types of one version.';
-- As the schema's owner we may drop what publishers made here. A version is used while it is published, has open runs or waiting
-- events, or failed lately: a failed run is retried on the version it failed on.
create or replace function dreamlit._drop_unused_versions(p_at_once boolean default false) returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_version record;
  v_count integer := 0;
begin
  for v_version in
    select v.version_id, v.version, w.name
    from dreamlit._versions as v join dreamlit._workflows as w using (workflow_id)
    where v.compiled and (v.version_id is distinct from w.version_id or w.state = 'unpublished')
      and not exists (select from dreamlit._runs as r where r.version_id = v.version_id)
      and not exists (select from pgmq.q_dreamlit_events as q where q.message -> 'version' = to_jsonb(v.version_id))
      and (p_at_once and w.state = 'unpublished' or not exists (
        select from dreamlit._run_history as h
        where h.version_id = v.version_id and h.state = 'failed'
          and h.finished_at > dreamlit._now() - (dreamlit._setting('keep_failed_versions') #>> '{}')::interval))
    order by v.version_id
    for update of v skip locked
  loop
    perform dreamlit._drop_compiled(v_version.name, v_version.version);
    update dreamlit._versions set compiled = false where version_id = v_version.version_id;
    v_count := v_count + 1;
  end loop;
  return v_count;
end;
$$;
comment on function dreamlit._drop_unused_versions(boolean) is
  'Drops the compiled functions of versions that nothing can run on any more, and returns how many versions; with p_at_once '
  'failed runs of unpublished workflows do not count.';
-- Levenshtein's distance, capped inputs; fuzzystrmatch is not there on every server.
create or replace function dreamlit._edit_distance(p_left text, p_right text) returns integer
language plpgsql immutable strict parallel safe set search_path = pg_catalog, pg_temp as $$
declare
  v_left text := left(p_left, 64);
  v_right text := left(p_right, 64);
  v_previous integer[] := array(select g from generate_series(0, length(v_right)) as g);
  v_current integer[];
begin
  for i in 1 .. length(v_left) loop
    v_current := array[i];
    for j in 1 .. length(v_right) loop
      v_current := v_current || least(
        v_previous[j + 1] + 1,
        v_current[j] + 1,
        v_previous[j] + case when substr(v_left, i, 1) = substr(v_right, j, 1) then 0 else 1 end);
    end loop;
    v_previous := v_current;
  end loop;
  return v_previous[length(v_right) + 1];
end;
$$;
comment on function dreamlit._edit_distance(text, text) is
  'Returns the Levenshtein distance of two words, of which it reads 64 characters.';
grant execute on function dreamlit._edit_distance(text, text) to dreamlit_admin;
-- The publisher's trigger functions run as the publisher, in anybody's transaction: they must not fail when somebody loses
-- dreamlit_admin.
create or replace function dreamlit._grant_publisher(p_publisher name) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_superuser boolean := (select r.rolsuper from pg_roles as r where r.rolname = p_publisher);
begin
  if v_superuser or p_publisher = 'dreamlit_owner' then
    return;
  end if;
  execute format('grant usage on schema dreamlit, dreamlit_workflows to %I', p_publisher);
  execute format('grant execute on function dreamlit._enqueue(bigint, text, jsonb), dreamlit._readable(anyelement) to %I', p_publisher);
end;
$$;
comment on function dreamlit._grant_publisher(name) is
  'Grants a publisher what its trigger functions need, and nothing else: to enqueue events.';
create or replace function dreamlit._hint_for(p_sqlstate text, p_what text) returns text
language sql immutable parallel safe set search_path = pg_catalog, pg_temp as $$
  select case
    when p_sqlstate = '42601' then format('write one SQL %s that only reads, without a semicolon', p_what)
    when p_sqlstate = '42703' then 'name a column that is there, with its alias before it: trigger.…, old.… or an earlier step''s id'
    when p_sqlstate = '42P01' then 'name tables with their schema, and steps only below themselves'
    when p_sqlstate = '42501' then 'publish as a role that may read it: publishing grants nobody anything'
    when p_sqlstate in ('42P11', '0A000', '25006') then format('write one %s that only reads', p_what)
    else format('mend the %s', p_what)
  end;
$$;
comment on function dreamlit._hint_for(text, text) is
  'Returns the hint for an SQLSTATE met while compiling, where PostgreSQL gave none.';
grant execute on function dreamlit._hint_for(text, text) to dreamlit_admin;
-- One reading of the steps, so that every check and the compiler see the same ids, parents and kinds.
create or replace function dreamlit._list_steps(p_definition jsonb)
returns table (step_position integer, place text, name text, kind text, parent text, step jsonb)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select
    s.ordinality::integer,
    format('steps[%s]', s.ordinality - 1),
    s.value ->> 'id',
    coalesce(
      (select k.kind from unnest(array['wait', 'query', 'email', 'slack']) as k(kind) where s.value ? k.kind limit 1),
      case when s.value ? 'if' then 'if' end),
    coalesce(s.value ->> 'after', lag(s.value ->> 'id') over (order by s.ordinality), 'trigger'),
    s.value
  from jsonb_array_elements(
    case when jsonb_typeof(p_definition -> 'steps') = 'array' then p_definition -> 'steps' else '[]' end
  ) with ordinality as s(value, ordinality)
  where jsonb_typeof(s.value) = 'object';
$$;
comment on function dreamlit._list_steps(jsonb) is
  'Returns the steps of a definition: position from 1, place, id, kind (null if none can be told), parent''s id (the step above '
  'unless after says otherwise).';
grant execute on function dreamlit._list_steps(jsonb) to dreamlit_admin;
create or replace function dreamlit._list_uses(p_definition jsonb, p_references jsonb)
returns table (place text, alias text, column_name text)
language sql stable set search_path = pg_catalog, pg_temp as $$
  with texts as (
    select 'trigger.' || t.key as place, t.value #>> '{}' as sql
    from jsonb_each(p_definition -> 'trigger') as t
    where t.key in ('when', 'key')
    union all
    select s.place || '.' || k.key, s.step #>> string_to_array(k.key, '.')
    from dreamlit._list_steps(p_definition) as s cross join unnest(array['if', 'query', 'wait.until']) as k(key)
  )
  select t.place, r.alias, r.column_name
  from texts as t cross join lateral dreamlit._sql_references(t.sql) as r
  where t.sql is not null
  union
  select p.key || '.' || (r.value ->> 'field'), r.value #>> '{path,0}', r.value #>> '{path,1}'
  from jsonb_each(p_references) as p cross join lateral jsonb_array_elements(p.value) as r(value)
  where r.value ? 'path';
$$;
comment on function dreamlit._list_uses(jsonb, jsonb) is
  'Returns every name that the SQL and the templates of a definition read: its place, the alias, and the column (null: the '
  'whole row).';
grant execute on function dreamlit._list_uses(jsonb, jsonb) to dreamlit_admin;
create or replace function dreamlit._nearest(p_word text, p_words text[]) returns text
language sql immutable parallel safe set search_path = pg_catalog, pg_temp as $$
  select w.word
  from (select word, dreamlit._edit_distance(lower(p_word), lower(word)) as distance from unnest(p_words) as u(word)) as w
  where w.distance <= greatest(1, length(p_word) / 2)
  order by w.distance, w.word
  limit 1;
$$;
comment on function dreamlit._nearest(text, text[]) is 'Returns the word of p_words nearest to p_word, or null if none is near.';
grant execute on function dreamlit._nearest(text, text[]) to dreamlit_admin;
create or replace function dreamlit._object_name(p_workflow text, p_version integer, p_part text) returns text
language sql immutable parallel safe set search_path = pg_catalog, pg_temp as $$
  select format('dreamlit_workflows.%I', case
    when octet_length(n.name) <= 63 then n.name
    else left(n.name, 50) || '_' || left(md5(n.name), 12) end)
  from (select p_workflow || '_v' || p_version || '_' || p_part) as n(name);
$$;
comment on function dreamlit._object_name(text, integer, text) is
  'Returns the qualified, quoted name of a version''s compiled object: dreamlit_workflows.welcome_v3_nudge_if.';
grant execute on function dreamlit._object_name(text, integer, text) to dreamlit_admin;
create or replace function dreamlit._order_steps(p_definition jsonb)
returns table (step_position integer, place text, name text, kind text, parent text, step jsonb, below_query boolean)
language sql stable set search_path = pg_catalog, pg_temp as $$
  with recursive steps as (
    select * from dreamlit._list_steps(p_definition)
  ), ordered as (
    select s.*, 1 as depth, false as below_query from steps as s where s.parent = 'trigger'
    union all
    select s.*, o.depth + 1, o.below_query or (o.kind = 'query' and not coalesce((o.step -> 'collect')::boolean, false))
    from ordered as o join steps as s on s.parent = o.name
  )
  select o.step_position, o.place, o.name, o.kind, o.parent, o.step, o.below_query
  from ordered as o
  order by o.depth, o.step_position;
$$;
comment on function dreamlit._order_steps(jsonb) is
  'Returns the steps of a checked definition, parents first; below_query says whether a fan-out stands above.';
grant execute on function dreamlit._order_steps(jsonb) to dreamlit_admin;
create or replace function dreamlit._primary_key(p_table regclass) returns text[]
language sql stable set search_path = pg_catalog, pg_temp as $$
  select coalesce(array_agg(a.attname::text order by a.attnum), '{}')
  from pg_index as i
  join pg_attribute as a on a.attrelid = i.indrelid and a.attnum = any (i.indkey)
  where i.indrelid = p_table and i.indisprimary;
$$;
comment on function dreamlit._primary_key(regclass) is
  'Returns the names of a table''s primary key columns; empty if it has none.';
grant execute on function dreamlit._primary_key(regclass) to dreamlit_admin;
-- A cursor takes one statement that returns rows and nothing else; a view tells the columns.
create or replace function dreamlit._probe(p_search_path text, p_sql text) returns table (column_name text, type_name text)
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_cursor refcursor;
begin
  perform set_config('search_path', p_search_path, true);
  open v_cursor for execute p_sql;
  close v_cursor;
  execute format('create view dreamlit_workflows.dreamlit_probe as %s', p_sql);
  perform set_config('search_path', 'pg_catalog, pg_temp', true);
  return query
    select c.column_name, c.type_name from dreamlit._table_columns('dreamlit_workflows.dreamlit_probe'::regclass) as c;
  drop view dreamlit_workflows.dreamlit_probe;
end;
$$;
comment on function dreamlit._probe(text, text) is
  'Returns the columns of one read-only query without running it; raises what PostgreSQL says if it does not compile or is not '
  'one query.';
grant execute on function dreamlit._probe(text, text) to dreamlit_admin;
create or replace function dreamlit._probe_expression(p_search_path text, p_place text, p_expression text, p_scope jsonb, p_type text)
returns setof dreamlit._fault
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_type text;
  v_hint text;
begin
  select p.type_name into v_type
  from dreamlit._probe(p_search_path, format(E'select (\n%s\n) as value from (select null::jsonb as item) as dreamlit_item\n  %s',
    p_expression, dreamlit._scope_sql(p_scope, 'dreamlit_item.item'))) as p;
  if v_type <> p_type then
    return next (p_place, format('the expression is %s, not %s', v_type, p_type), format('make it a %s', p_type))::dreamlit._fault;
  end if;
exception when others then
  get stacked diagnostics v_hint = pg_exception_hint;
  return next (p_place, sqlerrm, coalesce(nullif(v_hint, ''), dreamlit._hint_for(sqlstate, 'expression')))::dreamlit._fault;
end;
$$;
comment on function dreamlit._probe_expression(text, text, text, jsonb, text) is
  'Returns a fault if an SQL expression does not compile over its scope or is not of the type; PostgreSQL''s own message is the '
  'fact.';
grant execute on function dreamlit._probe_expression(text, text, text, jsonb, text) to dreamlit_admin;
-- Lock order: the publishers' advisory lock, the workflow's row, last the user's table.
create or replace function dreamlit._publish(p_definition jsonb, p_search_path text)
returns table (workflow text, version integer, changed boolean)
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_definition constant jsonb := p_definition - 'references';
  v_references jsonb;
  v_begun record;
  v_compiled jsonb;
begin
  perform dreamlit._raise_faults(p_definition, (select jsonb_agg(f) from dreamlit._check_definition(p_definition) as f));
  v_references := dreamlit._read_references(p_definition);

  select * into v_begun from dreamlit._begin_version(v_definition, current_user);
  if v_begun.unchanged then
    return query select v_definition ->> 'workflow', v_begun.version, false;
    return;
  end if;

  v_compiled := dreamlit._compile_version(p_search_path, v_begun.version, v_definition, v_references);
  perform dreamlit._raise_faults(p_definition, v_compiled -> 'faults');
  perform dreamlit._save_version(v_begun.workflow_id, v_begun.version_id, v_begun.version, v_definition, current_user, v_compiled);
  perform dreamlit._watch_table(v_definition, v_begun.version_id, v_begun.version, v_begun.previous, v_compiled);
  return query select v_definition ->> 'workflow', v_begun.version, true;
end;
$$;
comment on function dreamlit._publish(jsonb, text) is
  'What publish does, under a pinned path; p_search_path is the caller''s, for the definition''s SQL.';
grant execute on function dreamlit._publish(jsonb, text) to dreamlit_admin;
create or replace function dreamlit._raise_faults(p_definition jsonb, p_faults jsonb) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_lines text;
begin
  if coalesce(p_faults, '[]') = '[]' then
    return;
  end if;
  select string_agg(format(E'\n  %s: %s (%s)', f.value ->> 'place', f.value ->> 'fact', f.value ->> 'hint'), '' order by f.ordinality)
  into v_lines from jsonb_array_elements(p_faults) with ordinality as f(value, ordinality);
  raise exception using errcode = 'DL001',
    message = format('the definition of %s has %s fault%s:%s', coalesce(p_definition ->> 'workflow', 'the workflow'),
      jsonb_array_length(p_faults), case when jsonb_array_length(p_faults) = 1 then '' else 's' end, v_lines),
    detail = p_faults::text,
    hint = 'mend them and publish again; nothing has been changed';
end;
$$;
comment on function dreamlit._raise_faults(jsonb, jsonb) is
  'Raises DL001 with all faults, the list as DETAIL; does nothing if there are none.';
grant execute on function dreamlit._raise_faults(jsonb, jsonb) to dreamlit_admin;
-- Jinja is read by one Python module: here where the server has plpython3u, else by the client that sent the definition.
create or replace function dreamlit._read_references(p_definition jsonb) returns jsonb
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  v_references jsonb;
begin
  if dreamlit._renderer() <> 'database' then
    if p_definition ? 'references' then
      return p_definition -> 'references';
    end if;
    perform dreamlit._raise_faults(p_definition, jsonb_agg((s.place || '.' || s.kind, 'nobody has read this step''s templates',
      'the senders render here: publish with the dreamlit command or the Python client, which read them')::dreamlit._fault))
    from dreamlit._list_steps(p_definition) as s where s.kind in ('email', 'slack');
    return '{}';
  end if;
  select jsonb_object_agg(s.place || '.' || s.kind, dreamlit._template_references(s.step -> s.kind, coalesce(p_definition -> 'files', '{}')))
  into v_references
  from dreamlit._list_steps(p_definition) as s where s.kind in ('email', 'slack');
  return coalesce(v_references, '{}');
end;
$$;
comment on function dreamlit._read_references(jsonb) is
  'Returns {"steps[0].email": [{"field", "path"} or {"field", "error", "line"}]}: what the templates of a definition read.';
grant execute on function dreamlit._read_references(jsonb) to dreamlit_admin;
create or replace function dreamlit._resolve_table(p_search_path text, p_name text) returns regclass
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
  perform set_config('search_path', p_search_path, true);
  return to_regclass(p_name);
exception when invalid_name or syntax_error or undefined_table or feature_not_supported then
  return null;
end;
$$;
comment on function dreamlit._resolve_table(text, text) is 'Returns the table that a name means under a search_path, or null.';
grant execute on function dreamlit._resolve_table(text, text) to dreamlit_admin;
-- The publisher's SQL means what it means under the publisher's search_path; only here does that path rule.
create or replace function dreamlit._run_ddl(p_search_path text, p_sql text) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  perform set_config('search_path', p_search_path, true);
  execute p_sql;
end;
$$;
comment on function dreamlit._run_ddl(text, text) is 'Runs one statement as the caller under the given search_path.';
grant execute on function dreamlit._run_ddl(text, text) to dreamlit_admin;
create or replace function dreamlit._save_version(
  p_workflow_id bigint, p_version_id bigint, p_version integer, p_definition jsonb, p_publisher name, p_compiled jsonb)
returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  insert into dreamlit._versions (version_id, workflow_id, version, definition, publisher, trigger_table, operations)
  overriding system value
  values (p_version_id, p_workflow_id, p_version, p_definition, p_publisher, p_compiled ->> 'table',
    array(select jsonb_array_elements_text(p_compiled -> 'operations')));

  insert into dreamlit._steps (version_id, position, name, kind, settings, if_function, sql_function, max_attempts)
  values (p_version_id, 0, 'trigger', 'trigger', '{}', p_compiled #>> '{capture,when_items}', p_compiled #>> '{capture,key_items}', 1);

  insert into dreamlit._steps (version_id, position, name, kind, settings, if_function, sql_function, max_attempts)
  select p_version_id, (s.value ->> 'position')::integer, s.value ->> 'name', s.value ->> 'kind', s.value -> 'settings',
    s.value ->> 'if_function', s.value ->> 'sql_function', (s.value #>> '{settings,attempts}')::integer
  from jsonb_array_elements(p_compiled -> 'steps') as s;
  update dreamlit._steps as s set parent_step_id = p.step_id
  from jsonb_array_elements(p_compiled -> 'steps') as c
  join dreamlit._steps as p on p.version_id = p_version_id and p.name = c.value ->> 'parent'
  where s.version_id = p_version_id and s.name = c.value ->> 'name' and s.position > 0;

  perform dreamlit._compiled(f.name, p_publisher)
  from dreamlit._steps as s cross join unnest(array[s.if_function, s.sql_function]) as f(name)
  where s.version_id = p_version_id and f.name is not null;
  update dreamlit._workflows set version_id = p_version_id,
    state = case when state = 'paused' then 'paused' else 'active' end,
    state_changed_at = case when state = 'unpublished' then dreamlit._now() else state_changed_at end
  where workflow_id = p_workflow_id;
  perform dreamlit._drop_unused_versions();
end;
$$;
comment on function dreamlit._save_version(bigint, bigint, integer, jsonb, name, jsonb) is
  'Stores a compiled version and makes it the workflow''s own. Raises DL004 if a compiled function is not the publisher''s '
  'definer function.';
grant execute on function dreamlit._save_version(bigint, bigint, integer, jsonb, name, jsonb) to dreamlit_admin;
-- A scope is a list of {"alias", "key", "type", "list"}: the names that a step's SQL may use, and where in the item each stands.
create or replace function dreamlit._scope_sql(p_scope jsonb, p_item text) returns text
language sql stable set search_path = pg_catalog, pg_temp as $$
  select coalesce(string_agg(case
    when (s.value ->> 'list')::boolean then format(
      'cross join lateral (select coalesce(pg_catalog.array_agg(dreamlit_list), ''{}'') as items '
      'from pg_catalog.jsonb_populate_recordset(null::%1$s, nullif(%2$s -> %3$L, ''null'')) as dreamlit_list) as %4$I',
      s.value ->> 'type', p_item, s.value ->> 'key', s.value ->> 'alias')
    else format(
      'cross join lateral pg_catalog.jsonb_populate_record(null::%1$s, nullif(%2$s -> %3$L, ''null'')) as %4$I',
      s.value ->> 'type', p_item, s.value ->> 'key', s.value ->> 'alias')
    end, E'\n  ' order by s.ordinality), '')
  from jsonb_array_elements(p_scope) with ordinality as s(value, ordinality);
$$;
comment on function dreamlit._scope_sql(jsonb, text) is
  'Returns the lateral joins that put a scope''s rows, read from the jsonb expression p_item, under their aliases.';
grant execute on function dreamlit._scope_sql(jsonb, text) to dreamlit_admin;
create or replace function dreamlit._set_workflow_state(p_name text, p_from text, p_to text) returns text
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_workflow dreamlit._workflows := dreamlit._workflow(p_name);
begin
  if v_workflow.state = 'unpublished' then
    raise exception using errcode = 'DL003', message = format('workflow %s is not published', p_name), hint = 'publish it first';
  end if;
  update dreamlit._workflows set state = p_to, state_changed_at = dreamlit._now()
  where workflow_id = v_workflow.workflow_id and state = p_from;
  return p_to;
end;
$$;
comment on function dreamlit._set_workflow_state(text, text, text) is
  'Moves a published workflow between active and paused; being there already is fine.';
-- Which columns of trigger, new, old and earlier steps an SQL text names. A superset is harmless (one column more is captured);
-- literals and comments are taken out first, because the word new stands in many a literal.
create or replace function dreamlit._sql_references(p_sql text) returns table (alias text, column_name text)
language sql immutable parallel safe set search_path = pg_catalog, pg_temp as $$
  with bare as (
    select regexp_replace(
      -- Quoted names are kept, so that a quote within one opens no literal.
      regexp_replace(p_sql, '("(?:[^"]|"")*")|''(?:[^'']|'''')*''|--[^\n]*|/\*(?:[^*]|\*(?!/))*\*/', '\1 ', 'g'),
      '"(trigger|new|old)"', '\1', 'g') as text
  )
  select
    lower(m[1]),
    case when m[2] like '"%' then replace(substr(m[2], 2, length(m[2]) - 2), '""', '"') else lower(m[2]) end
  from bare cross join lateral regexp_matches(
    bare.text, '(?<![.\w"])([a-zA-Z_]\w*)\M(?:\s*\)?\s*\.\s*("(?:[^"]|"")+"|\w+))?', 'g') as m;
$$;
comment on function dreamlit._sql_references(text) is
  'Returns each identifier of an SQL text with the column named after it, null where the whole row is meant or it is another '
  'word.';
grant execute on function dreamlit._sql_references(text) to dreamlit_admin;
-- What the engine reads of a step. Lane: one message of one event is urgent, a fan-out's are bulk, unless the step says
-- otherwise.
create or replace function dreamlit._step_settings(p_kind text, p_step jsonb, p_below_query boolean) returns jsonb
language sql immutable set search_path = pg_catalog, pg_temp as $$
  select jsonb_strip_nulls(jsonb_build_object(
    'wait', case when p_kind = 'wait' and jsonb_typeof(p_step -> 'wait') = 'string' then p_step -> 'wait' end,
    'collect', case when p_kind = 'query' then coalesce(p_step -> 'collect', 'false') end,
    'templates', case when p_kind in ('email', 'slack') then p_step -> p_kind end,
    'lane', case when p_kind in ('email', 'slack')
      then coalesce(p_step -> 'lane', to_jsonb(case when p_below_query then 'bulk' else 'urgent' end)) end,
    'when_uncertain', case when p_kind in ('email', 'slack') then coalesce(p_step -> 'when_uncertain', '"hold"') end,
    'attempts', coalesce(p_step -> 'attempts', case p_kind when 'email' then '10' when 'slack' then '8' else '5' end::jsonb)));
$$;
comment on function dreamlit._step_settings(text, jsonb, boolean) is
  'Returns the settings of a step with their defaults: wait, collect, templates, lane, when_uncertain, attempts.';
grant execute on function dreamlit._step_settings(text, jsonb, boolean) to dreamlit_admin;
-- Domains are followed to their base type: a domain may refuse the null that an absent old row is made of.
create or replace function dreamlit._table_columns(p_table regclass)
returns table (column_number smallint, column_name text, type_name text, is_virtual boolean)
language sql stable set search_path = pg_catalog, pg_temp as $$
  with recursive columns as (
    select a.attnum, a.attname, a.atttypid, a.atttypmod, a.attgenerated
    from pg_attribute as a
    where a.attrelid = p_table and a.attnum > 0 and not a.attisdropped
    union all
    select c.attnum, c.attname, t.typbasetype, t.typtypmod, c.attgenerated
    from columns as c join pg_type as t on t.oid = c.atttypid
    where t.typtype = 'd'
  )
  select c.attnum, c.attname::text, format_type(c.atttypid, c.atttypmod), c.attgenerated = 'v'
  from columns as c join pg_type as t on t.oid = c.atttypid
  where t.typtype <> 'd'
  order by c.attnum;
$$;
comment on function dreamlit._table_columns(regclass) is 'Returns the live columns of a table with their base types, in order.';
grant execute on function dreamlit._table_columns(regclass) to dreamlit_admin;
-- Dropping the function takes its trigger along, which the table's owner need not do for us.
create or replace function dreamlit._unwatch(p_workflow text, p_operation text) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  if to_regprocedure(dreamlit._trigger_function_name(p_workflow, p_operation) || '()') is not null then
    perform dreamlit._run_soon(format('drop function %s() cascade', dreamlit._trigger_function_name(p_workflow, p_operation)));
  end if;
end;
$$;
comment on function dreamlit._unwatch(text, text) is
  'Drops a workflow''s trigger for one operation with its function. Takes ACCESS EXCLUSIVE on the table, briefly; raises DL007 '
  'if it cannot.';
grant execute on function dreamlit._unwatch(text, text) to dreamlit_admin;
-- Triggers of an earlier version on another table or operation go with their functions; the rest are kept or made.
create or replace function dreamlit._watch_table(p_definition jsonb, p_version_id bigint, p_version integer, p_previous jsonb, p_compiled jsonb)
returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_workflow constant text := p_definition ->> 'workflow';
  v_table constant regclass := (p_compiled ->> 'table')::regclass;
  v_operations constant text[] := array(select jsonb_array_elements_text(p_compiled -> 'operations'));
begin
  perform dreamlit._unwatch(v_workflow, o.operation)
  from unnest(array['insert', 'update', 'delete']) as o(operation)
  join pg_proc as p on p.oid = to_regprocedure(dreamlit._trigger_function_name(v_workflow, o.operation) || '()')
  where v_table is null or o.operation <> all (v_operations)
     or not exists (select from pg_trigger as t where t.tgfoid = p.oid and t.tgrelid = v_table);
  if v_table is not null then
    perform dreamlit._compile_capture(v_workflow, p_version, p_version_id, v_table, v_operations, p_compiled -> 'capture');
    perform dreamlit._attach_triggers(v_workflow, v_table, v_operations,
      p_definition #> '{trigger,columns}', p_previous #> '{trigger,columns}');
  end if;
end;
$$;
comment on function dreamlit._watch_table(jsonb, bigint, integer, jsonb, jsonb) is
  'Points the workflow''s triggers at the new version.';
grant execute on function dreamlit._watch_table(jsonb, bigint, integer, jsonb, jsonb) to dreamlit_admin;
create or replace function dreamlit._workflow(p_name text) returns dreamlit._workflows
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  v_workflow dreamlit._workflows;
begin
  select w.* into v_workflow from dreamlit._workflows as w where w.name = p_name;
  if not found then
    raise exception using errcode = 'DL002', message = format('there is no workflow %s', p_name),
      hint = dreamlit._did_you_mean(p_name, array(select w.name from dreamlit._workflows as w order by w.name));
  end if;
  return v_workflow;
end;
$$;
comment on function dreamlit._workflow(text) is
  'Returns the workflow of that name; raises DL002 with the nearest name if there is none.';
create or replace function dreamlit.pause(name text) returns text
language sql security definer set search_path = pg_catalog, pg_temp as $$
  select dreamlit._set_workflow_state($1, 'active', 'paused');
$$;
comment on function dreamlit.pause(text) is
  'Stops a workflow at once: events are still captured and runs started, but no task moves and no message leaves. Returns its '
  'state. Raises DL002, or DL003 if it is not published.';
grant execute on function dreamlit.pause(text) to dreamlit_admin;
-- The only door for definitions. Not pinned: names in the definition's SQL mean what they mean to the caller; what it calls is
-- pinned.
create or replace function dreamlit.publish(definition jsonb) returns table (workflow text, version integer, changed boolean)
language sql as $$
  select p.workflow, p.version, p.changed
  from dreamlit._publish(definition, pg_catalog.current_setting('search_path')) as p;
$$;
comment on function dreamlit.publish(jsonb) is
  'Publishes a workflow''s definition as the calling role: compiles its SQL, puts its triggers on the table. Returns the '
  'workflow, its version, and whether that is a new one: the same definition again changes nothing. Raises DL001 with every '
  'fault (DETAIL: a JSON list of {place, fact, hint}), DL003 if another role publishes this workflow, DL007 if the table stays '
  'locked; then nothing has changed. Runs in the caller''s transaction.';
grant execute on function dreamlit.publish(jsonb) to dreamlit_admin;
create or replace function dreamlit.resume(name text) returns text
language sql security definer set search_path = pg_catalog, pg_temp as $$
  select dreamlit._set_workflow_state($1, 'paused', 'active');
$$;
comment on function dreamlit.resume(text) is
  'Lets a paused workflow go on where it stood; nothing captured meanwhile is lost. Returns its state. Raises DL002, or DL003 '
  'if it is not published.';
grant execute on function dreamlit.resume(text) to dreamlit_admin;
create or replace function dreamlit.unpublish(name text, cancel_runs boolean default false)
returns table (open_runs bigint)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_workflow dreamlit._workflows := dreamlit._workflow($1);
begin
  update dreamlit._workflows as w set state = 'unpublished', state_changed_at = dreamlit._now()
  where w.workflow_id = v_workflow.workflow_id and w.state <> 'unpublished';
  perform dreamlit._unwatch(v_workflow.name, o.operation) from unnest(array['insert', 'update', 'delete']) as o(operation);
  if cancel_runs then
    perform dreamlit.cancel_run(r.run_id) from dreamlit._runs as r where r.workflow_id = v_workflow.workflow_id order by r.run_id;
  end if;
  perform dreamlit._drop_unused_versions(cancel_runs);
  return query select count(*) from dreamlit._runs as r where r.workflow_id = v_workflow.workflow_id;
end;
$$;
comment on function dreamlit.unpublish(text, boolean) is
  'Takes a workflow''s triggers off its table. Open runs finish on their version unless cancel_runs; returns how many are open. '
  'Their version''s functions, which pin the columns they use, go when the last run has ended. Raises DL002 if there is no such '
  'workflow, DL007 if the table stays locked.';
grant execute on function dreamlit.unpublish(text, boolean) to dreamlit_admin;

-- Attaching takes SHARE ROW EXCLUSIVE on the user's table, so a trigger that is right already is left alone.
create or replace function dreamlit._attach_triggers(p_workflow text, p_table regclass, p_operations text[], p_columns jsonb, p_previous_columns jsonb)
returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_operation text;
  v_name text;
  v_row boolean;
begin
  foreach v_operation in array p_operations loop
    v_name := format('dreamlit_%s_%s', p_workflow, v_operation);
    v_row := dreamlit._takes_row_trigger(p_table, v_operation);
    continue when exists (
      select from pg_trigger as t
      where t.tgrelid = p_table and t.tgname = v_name and (t.tgtype & 1 = 1) = v_row
        and t.tgfoid = to_regprocedure(dreamlit._trigger_function_name(p_workflow, v_operation) || '()')
        and (v_operation <> 'update' or p_columns is not distinct from p_previous_columns));
    perform dreamlit._run_soon(format('create or replace trigger %I after %s on %s %s for each %s %s execute function %s()',
      v_name, v_operation, p_table,
      case when v_row then '' when v_operation = 'insert' then 'referencing new table as dreamlit_new' else 'referencing old table as dreamlit_old' end,
      case when v_row then 'row' else 'statement' end,
      case when v_operation = 'update' then dreamlit._changed_sql(p_table, p_columns) else '' end,
      dreamlit._trigger_function_name(p_workflow, v_operation)));
  end loop;
end;
$$;
comment on function dreamlit._attach_triggers(text, regclass, text[], jsonb, jsonb) is
  'Puts the workflow''s triggers on its table as the caller, where they are not there yet as they should be.';
grant execute on function dreamlit._attach_triggers(text, regclass, text[], jsonb, jsonb) to dreamlit_admin;
create or replace function dreamlit._changed_sql(p_table regclass, p_columns jsonb) returns text
language sql stable set search_path = pg_catalog, pg_temp as $$
  select coalesce('when (' || string_agg(
    -- A type without equality (json, point, xml) is compared by its text.
    case when exists (
             select from pg_opclass as o join pg_am as m on m.oid = o.opcmethod
             where o.opcintype = b.base and o.opcdefault and m.amname in ('btree', 'hash'))
           or b.base::regtype::text like '%[]' or exists (select from pg_type as t where t.oid = b.base and t.typtype in ('e', 'r', 'c'))
           or b.base in ('varchar'::regtype)
      then format('old.%1$I is distinct from new.%1$I', a.attname)
      else format('old.%1$I::text is distinct from new.%1$I::text', a.attname) end, ' or ') || ')', '')
  from pg_attribute as a
  cross join lateral (
    select case when t.typtype = 'd' then t.typbasetype else t.oid end as base from pg_type as t where t.oid = a.atttypid) as b
  where a.attrelid = p_table and a.attnum > 0
    and a.attname in (select c.value from jsonb_array_elements_text(coalesce(p_columns, '[]')) as c(value));
$$;
comment on function dreamlit._changed_sql(regclass, jsonb) is
  'Returns the WHEN clause of an update trigger: one of the columns changed; empty without columns.';
grant execute on function dreamlit._changed_sql(regclass, jsonb) to dreamlit_admin;
-- Creates the anchor, the event function and the trigger functions. Replacing a trigger function takes no lock on the table.
create or replace function dreamlit._compile_capture(p_workflow text, p_version integer, p_version_id bigint, p_table regclass, p_operations text[], p_capture jsonb)
returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_anchor constant text := dreamlit._object_name(p_workflow, p_version, 'columns');
  v_event constant text := dreamlit._object_name(p_workflow, p_version, 'event');
  v_names constant text[] := array(
    select a.attname::text from pg_attribute as a
    where a.attrelid = p_table and a.attnum > 0 and a.attname in (
      select c.value ->> 'name' from jsonb_array_elements((p_capture -> 'columns') || (p_capture -> 'old_columns')) as c)
    order by a.attnum);
  v_operation text;
  v_name text;
begin
  perform dreamlit._compile_anchor(v_anchor, p_table, v_names);
  perform dreamlit._create_function('pg_catalog, pg_temp',
    format('%s(%s, %s, %s)', v_event, p_capture ->> 'type', p_capture ->> 'type', p_capture ->> 'old_type'),
    dreamlit._event_function(v_event, p_capture));
  foreach v_operation in array p_operations loop
    v_name := dreamlit._trigger_function_name(p_workflow, v_operation);
    perform dreamlit._create_function('pg_catalog, pg_temp', v_name || '()', case
      when dreamlit._takes_row_trigger(p_table, v_operation)
        then dreamlit._row_trigger_function(v_name, v_operation, p_version_id, v_event, v_anchor, p_capture, v_names)
      else dreamlit._statement_trigger_function(v_name, v_operation, p_version_id, v_event, v_anchor, p_capture, v_names) end);
  end loop;
end;
$$;
comment on function dreamlit._compile_capture(text, integer, bigint, regclass, text[], jsonb) is
  'Creates a version''s capture functions as the caller, and points the workflow''s trigger functions at them.';
grant execute on function dreamlit._compile_capture(text, integer, bigint, regclass, text[], jsonb) to dreamlit_admin;
-- The only statement of ours that writes in somebody else's transaction. Static: pgmq.send would plan anew at every call.
create or replace function dreamlit._enqueue(p_version_id bigint, p_operation text, p_events jsonb) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  if current_setting('dreamlit.advancing', true) = 'on' then
    raise exception using errcode = 'DL006',
      message = 'a workflow''s own SQL changed a table that a workflow watches',
      hint = 'take the write out of the function that the step calls: a workflow must not set itself off';
  end if;
  insert into pgmq.q_dreamlit_events (vt, message, headers)
  values (
    now(), jsonb_build_object('version', p_version_id, 'operation', p_operation, 'events', p_events),
    -- The worker sizes its batches by this without reading the message.
    case when jsonb_array_length(p_events) > 1 then jsonb_build_object('events', jsonb_array_length(p_events)) end);
end;
$$;
comment on function dreamlit._enqueue(bigint, text, jsonb) is
  'Puts captured rows into the event queue in the caller''s transaction. Publishers may call it, because their trigger '
  'functions run as them.';
-- One row's event with its own guard: what fails is kept with its error, and the run starts as failed.
create or replace function dreamlit._event_function(p_name text, p_capture jsonb) returns text
language sql stable set search_path = pg_catalog, pg_temp as $$
  select format($sql$
create function %1$s(p_trigger %2$s, p_new %2$s, p_old %3$s) returns jsonb
language plpgsql stable set search_path = pg_catalog, pg_temp as $event$
begin
  return case when %4$s then %5$s end;
exception when others then
  return pg_catalog.jsonb_build_object(
    'trigger', dreamlit._readable(p_trigger), 'old', dreamlit._readable(p_old),
    'error', pg_catalog.jsonb_build_object('sqlstate', sqlstate, 'message', sqlerrm));
end;
$event$ $sql$, p_name, p_capture ->> 'type', p_capture ->> 'old_type',
    dreamlit._when_sql(p_capture, 'p_trigger, p_new, p_old'), dreamlit._event_sql(p_capture, 'p_trigger', 'p_new', 'p_old'));
$$;
comment on function dreamlit._event_function(text, jsonb) is
  'Returns the SQL that creates a version''s event function: (trigger, new, old) to the event, null if the condition says no.';
grant execute on function dreamlit._event_function(text, jsonb) to dreamlit_admin;
create or replace function dreamlit._event_sql(p_capture jsonb, p_trigger text, p_new text, p_old text) returns text
language sql immutable set search_path = pg_catalog, pg_temp as $$
  select 'pg_catalog.jsonb_build_object(''trigger'', pg_catalog.to_jsonb(' || p_trigger || ')'
    || case when p_capture -> 'old_columns' <> '[]' then ', ''old'', pg_catalog.to_jsonb(' || p_old || ')' else '' end
    || coalesce(', ''key'', ' || (p_capture ->> 'key') || format('(%s, %s, %s)', p_trigger, p_new, p_old), '') || ')';
$$;
comment on function dreamlit._event_sql(jsonb, text, text, text) is
  'Returns the expression that builds an event from a captured row.';
grant execute on function dreamlit._event_sql(jsonb, text, text, text) to dreamlit_admin;
create or replace function dreamlit._names_sql(p_anchor text) returns text
language sql immutable set search_path = pg_catalog, pg_temp as $$
  select format($sql$(
    select coalesce(array_agg(a.attname order by a.attnum), '{}')
    from pg_catalog.pg_depend as d
    join pg_catalog.pg_attribute as a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
    where d.classid = 'pg_catalog.pg_proc'::regclass and d.objid = '%s()'::regprocedure
      and d.refclassid = 'pg_catalog.pg_class'::regclass and d.refobjsubid > 0)$sql$, replace(p_anchor, '''', ''''''));
$$;
comment on function dreamlit._names_sql(text) is
  'Returns the expression for today''s names of the columns that an anchor function pins, in the table''s order.';
grant execute on function dreamlit._names_sql(text) to dreamlit_admin;
-- A row that cannot become jsonb as a whole (a json column with \u0000, say) still gives the columns that can.
create or replace function dreamlit._readable(p_row anyelement) returns jsonb
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  v_readable jsonb := '{}';
  v_column name;
  v_value jsonb;
begin
  if p_row is not distinct from null then
    return null;
  end if;
  for v_column in
    select a.attname from pg_type as t join pg_attribute as a on a.attrelid = t.typrelid
    where t.oid = pg_typeof(p_row) and a.attnum > 0 and not a.attisdropped order by a.attnum
  loop
    begin
      execute format('select to_jsonb(($1).%I)', v_column) into v_value using p_row;
    exception when data_exception then
      v_value := null;
    end;
    v_readable := v_readable || jsonb_build_object(v_column, v_value);
  end loop;
  return v_readable;
end;
$$;
comment on function dreamlit._readable(anyelement) is 'Returns a row as jsonb with null for each column that jsonb cannot hold; null for null.';
create or replace function dreamlit._row_arguments(p_operation text, p_capture jsonb, p_names text[], p_new text, p_old text)
returns table (trigger_row text, new_row text, old_row text)
language sql immutable set search_path = pg_catalog, pg_temp as $$
  select
    dreamlit._row_sql(p_capture -> 'columns', p_names, case when p_operation = 'delete' then p_old else p_new end, p_capture ->> 'type'),
    case when p_operation = 'delete' then 'null::' || replace(p_capture ->> 'type', '%', '%%')
      else dreamlit._row_sql(p_capture -> 'columns', p_names, p_new, p_capture ->> 'type') end,
    case when p_operation = 'insert' then 'null::' || replace(p_capture ->> 'old_type', '%', '%%')
      else dreamlit._row_sql(p_capture -> 'old_columns', p_names, p_old, p_capture ->> 'old_type') end;
$$;
comment on function dreamlit._row_arguments(text, jsonb, text[], text, text) is
  'Returns the expressions for trigger, new and old of one operation; trigger is the new row, on delete the old one.';
grant execute on function dreamlit._row_arguments(text, jsonb, text[], text, text) to dreamlit_admin;
-- Columns stand as placeholders of format(): %1$I is the first of the anchor's columns, whatever it is called today.
create or replace function dreamlit._row_sql(p_columns jsonb, p_names text[], p_row text, p_type text) returns text
language sql immutable set search_path = pg_catalog, pg_temp as $$
  select format('row(%s)::%s', coalesce(string_agg(
    p_row || '.%' || array_position(p_names, c.value ->> 'name') || '$I', ', ' order by c.ordinality), ''), replace(p_type, '%', '%%'))
  from jsonb_array_elements(p_columns) with ordinality as c(value, ordinality);
$$;
comment on function dreamlit._row_sql(jsonb, text[], text, text) is
  'Returns the expression that makes a captured row of the changed row, with placeholders for the column names.';
grant execute on function dreamlit._row_sql(jsonb, text[], text, text) to dreamlit_admin;
-- For updates (transition tables do not pair old with new) and for partitioned tables (statement triggers miss rows written
-- straight into a partition).
create or replace function dreamlit._row_trigger_function(
  p_name text, p_operation text, p_version_id bigint, p_event text, p_anchor text, p_capture jsonb, p_names text[])
returns text
language sql stable set search_path = pg_catalog, pg_temp as $$
  select format($sql$
create or replace function %1$s() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $capture$
declare
  v_names constant name[] := %2$s;
  v_event jsonb;
begin
  if v_names = %3$L::name[] then
    v_event := %4$s;
  else  -- a column has been renamed since
    execute pg_catalog.format(%5$L, variadic v_names) into v_event using new, old;
  end if;
  if v_event is not null then
    perform dreamlit._enqueue(%6$s, %7$L, pg_catalog.jsonb_build_array(v_event));
  end if;
  return null;
end;
$capture$ $sql$,
    p_name, dreamlit._names_sql(p_anchor), p_names,
    format(replace(p_event, '%', '%%') || '(' || s.trigger_row || ', ' || s.new_row || ', ' || s.old_row || ')', variadic p_names),
    'select ' || replace(p_event, '%', '%%') || '(' || d.trigger_row || ', ' || d.new_row || ', ' || d.old_row || ')',
    p_version_id, p_operation)
  from dreamlit._row_arguments(p_operation, p_capture, p_names, 'new', 'old') as s
  cross join dreamlit._row_arguments(p_operation, p_capture, p_names, '($1)', '($2)') as d;
$$;
comment on function dreamlit._row_trigger_function(text, text, bigint, text, text, jsonb, text[]) is
  'Returns the SQL that creates or replaces a row trigger''s function.';
grant execute on function dreamlit._row_trigger_function(text, text, bigint, text, text, jsonb, text[]) to dreamlit_admin;
-- DDL on a user's table waits briefly, because everyone who comes after waits behind it.
create or replace function dreamlit._run_soon(p_sql text) returns void
language plpgsql set search_path = pg_catalog, pg_temp set lock_timeout = '500ms' as $$
begin
  for v_try in 1 .. 5 loop
    begin
      execute p_sql;
      return;
    exception when lock_not_available then
      if v_try = 5 then
        raise exception using errcode = 'DL007',
          message = 'the watched table is locked by others: five tries of 500 ms each got no lock',
          hint = 'look for a long transaction in pg_stat_activity, and publish or unpublish again when it has ended',
          detail = p_sql;
      end if;
      perform pg_sleep(0.1 * v_try);
    end;
  end loop;
end;
$$;
comment on function dreamlit._run_soon(text) is
  'Runs DDL as the caller under a lock_timeout of 500 ms, five tries; then raises DL007.';
grant execute on function dreamlit._run_soon(text) to dreamlit_admin;
-- Far cheaper than reading the catalog's tables, which _names_sql does at every statement of a user. A column keeps its number
-- in its table, but a restored dump may number columns anew: so the table's oid is part of the question.
create or replace function dreamlit._same_names_sql(p_anchor text) returns text
language sql stable set search_path = pg_catalog, pg_temp as $$
  select case when count(*) = 0 then 'true' else format('case when tg_relid = %s then %s else false end', min(a.attrelid::bigint),
    string_agg(format('(pg_catalog.pg_identify_object_as_address(1259, tg_relid, %s)).object_names[3] = %L', a.attnum, a.attname),
      ' and ' order by a.attnum)) end
  from pg_depend as d
  join pg_attribute as a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
  where d.classid = 'pg_proc'::regclass and d.objid = to_regprocedure(p_anchor || '()')
    and d.refclassid = 'pg_class'::regclass and d.refobjsubid > 0;
$$;
comment on function dreamlit._same_names_sql(text) is
  'Returns the expression that is true while the columns that an anchor function pins are called as they are now; false says nothing.';
grant execute on function dreamlit._same_names_sql(text) to dreamlit_admin;
-- 500 rows a queue message: large enough to share the row's cost, small enough for the worker to take a few at a time.
-- The aggregate sorts (enable_hashagg is off in the trigger), so a statement of any size streams chunk by chunk; one of a single
-- chunk, which most are, needs neither sort nor cursor. An event is aggregated as a row: jsonb is then built in one pass, not
-- three.
create or replace function dreamlit._statement_queries(p_operation text, p_event text, p_capture jsonb, p_names text[])
returns table (small text, fast text, safe text, chunk integer)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select
    format($sql$select pg_catalog.count(*), %2$s from (select %1$s limit 501) as s cross join lateral (select %3$s) as dreamlit_event$sql$,
      s.rows, e.aggregate, e.columns),
    format($sql$select s.part, pg_catalog.count(*), %3$s from (select %1$s, %2$s) as s cross join lateral (select %4$s) as dreamlit_event
      group by s.part order by s.part$sql$, s.part, s.rows, e.aggregate, e.columns),
    format($sql$select pg_catalog.jsonb_agg(e.event) from (select %1$s, %2$s) as s
      cross join lateral (select %3$s(%4$s) as event offset 0) as e
      where s.part > $1 and e.event is not null group by s.part order by s.part$sql$,
      s.part, s.rows, replace(p_event, '%', '%%'), r.arguments),
    500
  from dreamlit._row_arguments(p_operation, p_capture, p_names, 'dreamlit_row', 'dreamlit_row') as a
  cross join lateral (values (
    '(pg_catalog.row_number() over () - 1) / 500 as part',
    case p_operation
      when 'insert' then format('%s as trigger_row from dreamlit_new as dreamlit_row', a.trigger_row)
      else format('%s as trigger_row, %s as old_row from dreamlit_old as dreamlit_row', a.trigger_row, a.old_row) end)) as s(part, rows)
  cross join lateral (values (
    case p_operation
      when 'insert' then 's.trigger_row, s.trigger_row, ' || a.old_row
      else 's.trigger_row, ' || a.new_row || ', s.old_row' end,
    case p_operation when 'insert' then a.old_row else 's.old_row' end)) as r(arguments, old_row)
  cross join lateral (values (
    's.trigger_row as trigger' || case when p_capture -> 'old_columns' <> '[]' then ', ' || r.old_row || ' as old' else '' end
      || coalesce(', ' || replace(p_capture ->> 'key', '%', '%%') || '(' || r.arguments || ') as key', ''),
    'pg_catalog.jsonb_agg(dreamlit_event) filter (where '
      || coalesce(replace(p_capture ->> 'when', '%', '%%') || '(' || r.arguments || ')', 'true') || ')')) as e(columns, aggregate);
$$;
comment on function dreamlit._statement_queries(text, text, jsonb, text[]) is
  'Returns the queries over a transition table: a statement of one chunk of rows, one in chunks, and row by row under guard.';
grant execute on function dreamlit._statement_queries(text, text, jsonb, text[]) to dreamlit_admin;
-- For inserts and deletes on ordinary tables: all rows of a statement in a few queue messages. The guards are around reading
-- only, so they write nothing; a chunk that fails is done again row by row, each row with a guard of its own.
create or replace function dreamlit._statement_trigger_function(
  p_name text, p_operation text, p_version_id bigint, p_event text, p_anchor text, p_capture jsonb, p_names text[])
returns text
language sql stable set search_path = pg_catalog, pg_temp as $$
  select format($sql$
create or replace function %1$s() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp set enable_hashagg = off as $capture$
declare
  v_names name[] := %3$L;
  v_cursor refcursor;
  v_part bigint := -1;
  v_rows bigint;
  v_events jsonb;
  v_failed boolean := false;
begin
  if not (%11$s) then
    v_names := %2$s;
  end if;
  if v_names = %3$L::name[] then
    begin
      %10$s into v_rows, v_events;
    exception when others then
      v_failed := true;
    end;
    if v_rows <= %8$s then
      if v_events is not null then
        perform dreamlit._enqueue(%6$s, %7$L, v_events);
      end if;
      return null;
    end if;
    open v_cursor for %4$s;
  else  -- a column has been renamed since
    open v_cursor for execute pg_catalog.format(%5$L, variadic v_names);
  end if;
  while not v_failed loop
    begin
      fetch v_cursor into v_part, v_rows, v_events;
    exception when others then
      v_failed := true;
    end;
    exit when v_failed or not found;
    if v_events is not null then
      perform dreamlit._enqueue(%6$s, %7$L, v_events);
    end if;
    exit when v_rows < %8$s;
  end loop;
  if v_cursor is not null then
    close v_cursor;
  end if;
  if v_failed then
    for v_events in execute pg_catalog.format(%9$L, variadic v_names) using v_part loop
      perform dreamlit._enqueue(%6$s, %7$L, v_events);
    end loop;
  end if;
  return null;
end;
$capture$ $sql$,
    p_name, dreamlit._names_sql(p_anchor), p_names, format(q.fast, variadic p_names), q.fast, p_version_id, p_operation, q.chunk, q.safe,
    format(q.small, variadic p_names), dreamlit._same_names_sql(p_anchor))
  from dreamlit._statement_queries(p_operation, p_event, p_capture, p_names) as q;
$$;
comment on function dreamlit._statement_trigger_function(text, text, bigint, text, text, jsonb, text[]) is
  'Returns the SQL that creates or replaces a statement trigger''s function.';
grant execute on function dreamlit._statement_trigger_function(text, text, bigint, text, text, jsonb, text[]) to dreamlit_admin;
create or replace function dreamlit._takes_row_trigger(p_table regclass, p_operation text) returns boolean
language sql stable set search_path = pg_catalog, pg_temp as $$
  select p_operation = 'update' or c.relkind = 'p' or c.relispartition or c.relhassubclass
  from pg_class as c where c.oid = p_table;
$$;
comment on function dreamlit._takes_row_trigger(regclass, text) is
  'Returns whether an operation on a table is captured row by row: updates, partitioned and inherited tables, partitions.';
grant execute on function dreamlit._takes_row_trigger(regclass, text) to dreamlit_admin;
create or replace function dreamlit._trigger_function_name(p_workflow text, p_operation text) returns text
language sql immutable parallel safe set search_path = pg_catalog, pg_temp as $$
  select format('dreamlit_workflows.%I', p_workflow || '_on_' || p_operation);
$$;
comment on function dreamlit._trigger_function_name(text, text) is
  'Returns the name of a workflow''s trigger function; it stays through all versions.';
grant execute on function dreamlit._trigger_function_name(text, text) to dreamlit_admin;
create or replace function dreamlit._when_sql(p_capture jsonb, p_arguments text) returns text
language sql immutable set search_path = pg_catalog, pg_temp as $$
  select coalesce((p_capture ->> 'when') || '(' || p_arguments || ')', 'true');
$$;
comment on function dreamlit._when_sql(jsonb, text) is 'Returns the call of a version''s condition, or true if it has none.';
grant execute on function dreamlit._when_sql(jsonb, text) to dreamlit_admin;

create or replace function dreamlit._check_payload(p_workflow text, p_version dreamlit._versions, p_payload jsonb) returns jsonb
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_fields constant text[] := array(
    select a.attname::text from pg_attribute as a
    where a.attrelid = to_regclass(dreamlit._object_name(p_workflow, p_version.version, 'trigger')) and a.attnum > 0 and not a.attisdropped);
  v_unknown text;
  v_trigger jsonb;
  v_key text;
  v_event jsonb;
begin
  if jsonb_typeof(p_payload) is distinct from 'object' then
    raise exception using errcode = 'DL001', message = 'the payload is no JSON object', hint = 'write {"email": "a@example.com"}';
  end if;
  select f.key into v_unknown from jsonb_object_keys(p_payload) as f(key) where f.key <> all (v_fields) order by f.key limit 1;
  if v_unknown is not null then
    raise exception using errcode = 'DL001', message = format('workflow %s reads no field %s', p_workflow, v_unknown),
      hint = dreamlit._did_you_mean(v_unknown, v_fields);
  end if;
  begin
    execute format('select %s($1)', dreamlit._compiled(
      dreamlit._object_name(p_workflow, p_version.version, 'payload'), p_version.publisher, '(jsonb)')) into v_trigger using p_payload;
  exception when data_exception then
    raise exception using errcode = 'DL001', message = format('the payload does not fit workflow %s: %s', p_workflow, sqlerrm),
      hint = 'give each field a value of its column''s type';
  end;
  v_event := jsonb_build_object('trigger', v_trigger);
  if p_version.definition -> 'trigger' ? 'key' then
    execute format('select result from %s(array[0::bigint], array[$1])', dreamlit._compiled(
      dreamlit._object_name(p_workflow, p_version.version, 'key_items'), p_version.publisher))
    into v_key using v_event || jsonb_build_object('new', v_trigger);
    v_event := v_event || jsonb_build_object('key', v_key);
  end if;
  return v_event;
end;
$$;
comment on function dreamlit._check_payload(text, dreamlit._versions, jsonb) is
  'Returns the event of a payload given by hand; raises DL001 for unknown fields and wrong values.';
create or replace function dreamlit._due_at(p_step dreamlit._steps, p_now timestamptz) returns timestamptz
language sql stable as $$
  select case
    when p_step.kind = 'wait' and p_step.if_function is null and p_step.settings ? 'wait' then p_now + (p_step.settings ->> 'wait')::interval
    else p_now end;
$$;
comment on function dreamlit._due_at(dreamlit._steps, timestamptz) is
  'Returns when a task that arrives at a step is first due: at once, or after a plain wait.';
-- Takes events off the queue and starts their runs, in one statement: the event is gone from the queue exactly when its run is
-- there. In the order of msg_id; a late commit with a lower id is simply the next to be taken.
create or replace function dreamlit._launch_runs(p_limit integer default 2000, p_msg_id bigint default null) returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_now constant timestamptz := dreamlit._now();
  v_count integer;
begin
  with locked as materialized (
    select q.msg_id, case when jsonb_typeof(q.headers -> 'events') = 'number' then least(greatest((q.headers -> 'events')::numeric, 1), p_limit) else 1 end as events
    from pgmq.q_dreamlit_events as q
    where q.msg_id between coalesce(p_msg_id, 0) and coalesce(p_msg_id, 9223372036854775807)
    order by q.msg_id limit p_limit
    for update skip locked
  ), chosen as (
    select c.msg_id from (select l.msg_id, sum(l.events) over (order by l.msg_id) - l.events as before from locked as l) as c
    where c.before < p_limit
  ), taken as (
    delete from pgmq.q_dreamlit_events as q using chosen as c where q.msg_id = c.msg_id
    returning q.*
  ), checked as materialized (
    -- Read once a message: each look into a message of many events unpacks the whole of it.
    select t.*, t.message ->> 'operation' as operation, v.workflow_id, v.version_id
    from taken as t
    left join dreamlit._versions as v on to_jsonb(v.version_id) = t.message -> 'version'
      and t.message ->> 'operation' in ('insert', 'update', 'delete', 'call')
      and not exists (
        select from jsonb_array_elements(case when jsonb_typeof(t.message -> 'events') = 'array' then t.message -> 'events' else '[null]' end) as e(value)
        where jsonb_typeof(e.value -> 'trigger') is distinct from 'object')
  ), strange as (  -- not put there by a trigger of ours: kept aside in the queue's archive
    insert into pgmq.a_dreamlit_events (msg_id, read_ct, enqueued_at, vt, message, headers)
    select t.msg_id, t.read_ct, t.enqueued_at, t.vt, t.message, t.headers
    from checked as t
    where t.version_id is null
    returning msg_id
  ), events as materialized (
    select
      nextval('dreamlit._event_id_seq') as event_id, t.workflow_id, t.version_id, t.operation,
      e.value ->> 'key' as key, e.value - array['key', 'error'] as payload, e.value -> 'error' as error, t.enqueued_at as occurred_at
    from checked as t
    cross join lateral jsonb_array_elements(t.message -> 'events') with ordinality as e(value, n)
    where t.version_id is not null
    order by t.msg_id, e.n
  ), first_steps as (
    select root.version_id, failed.failed, s.step_id, dreamlit._due_at(s, v_now) as due_at,
      count(*) over (partition by root.version_id, failed.failed)::integer as tasks
    from dreamlit._steps as root
    cross join (values (true), (false)) as failed(failed)
    join dreamlit._steps as s on case when failed.failed then s.step_id = root.step_id else s.parent_step_id = root.step_id end
    where root.position = 0 and root.version_id in (select e.version_id from events as e)
  ), created as (
    insert into dreamlit._runs (event_id, workflow_id, version_id, key, operation, payload, occurred_at, started_at, open_tasks, last_error)
    select e.event_id, e.workflow_id, e.version_id, e.key, e.operation, e.payload, e.occurred_at, v_now, f.tasks, e.error
    from events as e
    cross join lateral (
      select f.tasks from first_steps as f where f.version_id = e.version_id and f.failed = (e.error is not null) limit 1) as f
    on conflict (workflow_id, key) where key is not null do nothing
    returning run_id, event_id, version_id, last_error is not null as failed
  ), opened as (
    insert into dreamlit._tasks (run_id, step_id, state, due_at, started_at)
    select c.run_id, f.step_id, case when f.due_at > v_now then 'waiting' else 'due' end, f.due_at, v_now
    from created as c join first_steps as f on f.version_id = c.version_id and f.failed = c.failed
  ), ignored as (
    insert into dreamlit._ignored_events (event_id, workflow_id, version_id, operation, payload, key, occurred_at, reason, ignored_at)
    select e.event_id, e.workflow_id, e.version_id, e.operation, e.payload, e.key, e.occurred_at, 'a run with this key was open', v_now
    from events as e
    where not exists (select from created as c where c.event_id = e.event_id)
  )
  select (select count(*) from events) + (select count(*) from strange) into v_count;
  return v_count;
end;
$$;
comment on function dreamlit._launch_runs(integer, bigint) is
  'Starts the runs of about p_limit waiting events (or of the one queue message p_msg_id) and returns how many events it took. '
  'An event whose key has an open run is logged as ignored.';
create or replace function dreamlit.start(name text, payload jsonb default '{}') returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_workflow dreamlit._workflows := dreamlit._workflow($1);
  v_version dreamlit._versions;
  v_event jsonb;
  v_msg_id bigint;
  v_run_id bigint;
begin
  if v_workflow.state = 'unpublished' then
    raise exception using errcode = 'DL003', message = format('workflow %s is not published', $1), hint = 'publish it first';
  end if;
  select v.* into v_version from dreamlit._versions as v where v.version_id = v_workflow.version_id;
  v_event := dreamlit._check_payload(v_workflow.name, v_version, payload);
  insert into pgmq.q_dreamlit_events (vt, message)
  values (now(), jsonb_build_object('version', v_version.version_id, 'operation', 'call', 'events', jsonb_build_array(v_event)))
  returning msg_id into v_msg_id;
  perform dreamlit._launch_runs(1, v_msg_id);
  select r.run_id into v_run_id from dreamlit._runs as r
  where r.run_id = currval(pg_get_serial_sequence('dreamlit._runs', 'run_id')) and r.event_id = currval('dreamlit._event_id_seq');
  if not found then
    raise exception using errcode = 'DL003',
      message = format('workflow %s has an open run with the key %s', $1, v_event ->> 'key'),
      hint = 'wait for its end, or cancel it: dreamlit.cancel_run(run_id)';
  end if;
  return v_run_id;
end;
$$;
comment on function dreamlit.start(text, jsonb) is
  'Starts a run by hand and returns its id; the condition of the trigger is not asked. payload holds the captured columns by '
  'name: dreamlit.start(''welcome'', ''{"email": "a@example.com"}''). Raises DL001 for a field that the version does not '
  'capture or a value of the wrong type, DL002 for an unknown workflow, DL003 if it is not published or its key has an open '
  'run. The run begins when the caller commits.';
grant execute on function dreamlit.start(text, jsonb) to dreamlit_admin;

-- One transaction's work on one step: its due tasks as one set.
create or replace function dreamlit._advance(p_step_id bigint, p_limit integer default null) returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_now constant timestamptz := dreamlit._now();
  v_step dreamlit._steps;
  v_task_ids bigint[];
  v_items jsonb[];
  v_waited bigint[];
begin
  select s.* into v_step from dreamlit._steps as s where s.step_id = p_step_id;
  with due as materialized (
    select t.task_id, t.run_id, t.item, t.state
    from dreamlit._tasks as t
    where t.step_id = p_step_id and t.due_at <= v_now
    order by t.due_at, t.task_id
    limit coalesce(p_limit, (dreamlit._setting('batch'))::integer)
    for update skip locked
  )
  select
    array_agg(d.task_id order by d.task_id) filter (where d.state = 'due'),
    array_agg(r.payload || coalesce(d.item, '{}') order by d.task_id) filter (where d.state = 'due'),
    array_agg(d.task_id) filter (where d.state = 'waiting')
  into v_task_ids, v_items, v_waited
  from due as d join dreamlit._runs as r on r.run_id = d.run_id;

  perform dreamlit._settle(v_waited, 'done');
  if v_task_ids is not null then
    perform set_config('dreamlit.advancing', 'on', true);
    perform dreamlit._try_step(v_step, v_task_ids, v_items);
    perform set_config('dreamlit.advancing', 'off', true);
  end if;
  return coalesce(cardinality(v_task_ids), 0) + coalesce(cardinality(v_waited), 0);
end;
$$;
comment on function dreamlit._advance(bigint, integer) is
  'Moves up to p_limit due tasks of a step on and returns how many it took.';
create or replace function dreamlit._advance_message(p_step dreamlit._steps, p_task_ids bigint[], p_items jsonb[]) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  if dreamlit._renderer() = 'database' then
    perform dreamlit._post_messages(p_step, p_task_ids, dreamlit._render(
      p_step.kind, p_step.settings -> 'templates', dreamlit._template_files(p_step.version_id), to_jsonb(p_items)));
  else
    perform dreamlit._request_rendering(p_task_ids);
  end if;
end;
$$;
comment on function dreamlit._advance_message(dreamlit._steps, bigint[], jsonb[]) is
  'Renders a batch of email or Slack messages and posts them to the outbox, or asks a sender to render them.';
-- Rows go straight from the compiled query into the tasks of the steps below: a fan-out of a million passes no array.
create or replace function dreamlit._advance_query(p_step dreamlit._steps, p_publisher name, p_task_ids bigint[], p_items jsonb[])
returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_runs bigint[];
  v_counts integer[];
begin
  execute format($sql$
    with results as (
      %s
    ), opened as (
      insert into dreamlit._tasks (run_id, step_id, item, state, due_at, started_at)
      select t.run_id, s.step_id, coalesce(t.item, '{}') || jsonb_build_object($3, r.result),
        case when d.due_at > $4 then 'waiting' else 'due' end, d.due_at, $4
      from results as r
      join dreamlit._tasks as t on t.task_id = r.item_id
      cross join dreamlit._steps as s
      cross join lateral (select dreamlit._due_at(s, $4) as due_at) as d
      where s.parent_step_id = $5
      returning run_id
    ), counted as (
      select o.run_id, count(*)::integer as opened from opened as o group by o.run_id
    )
    select array_agg(c.run_id), array_agg(c.opened) from counted as c $sql$,
    format(case when (p_step.settings -> 'collect')::boolean
      then $sql$select u.item_id, coalesce(jsonb_agg(f.result) filter (where f.item_id is not null), '[]') as result
        from unnest($1) as u(item_id) left join %s($1, $2) as f on f.item_id = u.item_id group by u.item_id$sql$
      else 'select f.item_id, f.result from %s($1, $2) as f' end, dreamlit._compiled(p_step.sql_function, p_publisher)))
  into v_runs, v_counts
  using p_task_ids, p_items, p_step.name, dreamlit._now(), p_step.step_id;
  perform dreamlit._settle(p_task_ids, 'done', null, false, v_runs, v_counts);
end;
$$;
comment on function dreamlit._advance_query(dreamlit._steps, name, bigint[], jsonb[]) is
  'Runs a query for a batch of tasks: each row opens a task in each step below; collected, all rows of a task open one.';
-- Only events whose condition or key failed at capture come here; the condition has just been asked again.
create or replace function dreamlit._advance_trigger(p_step dreamlit._steps, p_publisher name, p_task_ids bigint[], p_items jsonb[])
returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  if p_step.sql_function is not null then
    execute format($sql$
      update dreamlit._runs as r set key = f.result
      from %s($1, $2) as f join dreamlit._tasks as t on t.task_id = f.item_id
      where r.run_id = t.run_id $sql$, dreamlit._compiled(p_step.sql_function, p_publisher))
    using p_task_ids, p_items;
  end if;
  perform dreamlit._settle(p_task_ids, 'done');
end;
$$;
comment on function dreamlit._advance_trigger(dreamlit._steps, name, bigint[], jsonb[]) is
  'Gives runs whose capture had failed their key and lets them begin.';
create or replace function dreamlit._advance_wait(p_step dreamlit._steps, p_publisher name, p_task_ids bigint[], p_items jsonb[])
returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_now constant timestamptz := dreamlit._now();
  v_ids bigint[] := p_task_ids;
  v_until timestamptz[];
begin
  if p_step.sql_function is null then
    v_until := array_fill(v_now + (p_step.settings ->> 'wait')::interval, array[cardinality(p_task_ids)]);
  else
    execute format('select array_agg(f.item_id), array_agg(f.result) from %s($1, $2) as f', dreamlit._compiled(p_step.sql_function, p_publisher))
    into v_ids, v_until using p_task_ids, p_items;
  end if;
  if array_position(v_until, null) is not null then
    raise exception using errcode = 'null_value_not_allowed', message = format('until is null in step %s', p_step.name),
      hint = 'give it a value with coalesce';
  end if;
  update dreamlit._tasks as t set state = 'waiting', due_at = u.until
  from unnest(v_ids, v_until) as u(task_id, until)
  where t.task_id = u.task_id and u.until > v_now;
  perform dreamlit._settle(array(select u.task_id from unnest(v_ids, v_until) as u(task_id, until) where u.until <= v_now), 'done');
end;
$$;
comment on function dreamlit._advance_wait(dreamlit._steps, name, bigint[], jsonb[]) is
  'Lets tasks wait until their moment; a moment in the past goes on at once, null is an error.';
-- Hops over the index from step to step, so sleeping tasks cost nothing; a step with due tasks is taken whether it has one or a
-- million.
create or replace function dreamlit._due_steps() returns bigint[]
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  with recursive steps as (
    (select min(t.step_id) as step_id from dreamlit._tasks as t where t.due_at is not null)
    union all
    select (select min(t.step_id) from dreamlit._tasks as t where t.step_id > s.step_id and t.due_at is not null)
    from steps as s where s.step_id is not null
  )
  select coalesce(array_agg(s.step_id order by s.step_id), '{}')
  from steps as s
  where exists (select from dreamlit._tasks as t where t.step_id = s.step_id and t.due_at <= dreamlit._now())
    and exists (
      select from dreamlit._steps as d
      join dreamlit._versions as v on v.version_id = d.version_id
      join dreamlit._workflows as w on w.workflow_id = v.workflow_id
      where d.step_id = s.step_id and w.state <> 'paused');
$$;
comment on function dreamlit._due_steps() is 'Returns the steps that have due tasks, leaving out paused workflows.';
grant execute on function dreamlit._due_steps() to dreamlit_admin;
-- An event whose condition, key or payload failed at capture: the run starts as failed. retry_run clears the error, and then the
-- condition is asked again.
create or replace function dreamlit._fail_captured(p_task_ids bigint[]) returns bigint[]
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_failed bigint[];
  v_errors jsonb[];
begin
  select array_agg(t.task_id), array_agg(r.last_error || jsonb_build_object('step', 'trigger')) into v_failed, v_errors
  from dreamlit._tasks as t join dreamlit._runs as r on r.run_id = t.run_id
  where t.task_id = any (p_task_ids) and r.last_error is not null;
  perform dreamlit._settle(v_failed, 'failed', v_errors);
  return coalesce(v_failed, '{}');
end;
$$;
comment on function dreamlit._fail_captured(bigint[]) is 'Ends as failed those tasks of the step trigger whose capture failed and that nobody has retried; returns their ids.';
create or replace function dreamlit._fail_task(p_step dreamlit._steps, p_task_id bigint, p_sqlstate text, p_message text)
returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_error jsonb;
  v_attempt integer;
begin
  update dreamlit._tasks as t set attempt = t.attempt + 1 where t.task_id = p_task_id returning t.attempt into v_attempt;
  v_error := jsonb_build_object('step', p_step.name, 'sqlstate', p_sqlstate, 'message', p_message, 'attempt', v_attempt);
  if v_attempt < p_step.max_attempts then
    update dreamlit._tasks as t set error = v_error, due_at = dreamlit._retry_at(p_step.kind, v_attempt) where t.task_id = p_task_id;
  else
    perform dreamlit._settle(array[p_task_id], 'failed', array[v_error]);
  end if;
end;
$$;
comment on function dreamlit._fail_task(dreamlit._steps, bigint, text, text) is
  'Counts a failed attempt of a task: it is due again later, or failed for good after the step''s last attempt.';
create or replace function dreamlit._finish_runs(p_run_ids bigint[]) returns void
language sql set search_path = pg_catalog, pg_temp as $$
  with finished as (
    delete from dreamlit._runs as r where r.run_id = any (p_run_ids) and r.open_tasks = 0
    returning r.*
  )
  insert into dreamlit._run_history (
    run_id, event_id, workflow_id, version_id, key, operation, payload, occurred_at, started_at,
    done_tasks, skipped_tasks, failed_tasks, last_error, state, finished_at)
  select
    f.run_id, f.event_id, f.workflow_id, f.version_id, f.key, f.operation, f.payload, f.occurred_at, f.started_at,
    f.done_tasks, f.skipped_tasks, f.failed_tasks, case when f.failed_tasks > 0 then f.last_error end,
    case when f.cancelling then 'cancelled' when f.failed_tasks > 0 then 'failed' else 'done' end, dreamlit._now()
  from finished as f;
$$;
comment on function dreamlit._finish_runs(bigint[]) is
  'Moves runs without open tasks to the history: cancelled, failed (a task failed) or done.';
-- Shared with all workers and senders; an installation or upgrade that waits for it exclusively makes this answer false at once.
create or replace function dreamlit._on_duty(p_worker text) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_now constant timestamptz := clock_timestamp();
begin
  if not pg_try_advisory_xact_lock_shared(hashtext('dreamlit'), hashtext('install')) then
    return false;
  end if;
  if not exists (select from dreamlit._workers as w where w.worker = p_worker and w.last_tick_at > v_now - interval '1 second') then
    insert into dreamlit._workers (worker, started_at, last_tick_at) values (p_worker, v_now, v_now)
    on conflict (worker) do update set last_tick_at = excluded.last_tick_at;
  end if;
  perform dreamlit._ensure_partitions();
  return true;
end;
$$;
comment on function dreamlit._on_duty(text) is
  'Notes a worker''s tick, at most once a second; returns false if the worker has to stop because an installation waits.';
grant execute on function dreamlit._on_duty(text) to dreamlit_admin;
create or replace function dreamlit._pass_condition(p_step dreamlit._steps, p_publisher name, p_task_ids bigint[], p_items jsonb[])
returns table (task_ids bigint[], items jsonb[])
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_passed bigint[];
begin
  execute format('select array_agg(f.item_id) filter (where f.result) from %s($1, $2) as f', dreamlit._compiled(p_step.if_function, p_publisher))
  into v_passed using p_task_ids, p_items;
  v_passed := coalesce(v_passed, '{}');
  perform dreamlit._settle(array(select u.task_id from unnest(p_task_ids) as u(task_id) where u.task_id <> all (v_passed)), 'skipped');
  return query
    select array_agg(u.task_id), array_agg(u.item)
    from unnest(p_task_ids, p_items) as u(task_id, item)
    where u.task_id = any (v_passed);
end;
$$;
comment on function dreamlit._pass_condition(dreamlit._steps, name, bigint[], jsonb[]) is
  'Asks a step''s condition for a batch: ends those where it is false or null as skipped, and returns the rest (nulls if none).';
-- Doubling with a quarter of jitter. Steps: 2 s to 5 min. Messages: 10 s to 1 h, so that ten attempts outlast a greylisting
-- server (RFC 5321 4.5.4.1 asks for at least 30 minutes between late tries) and an hour's outage.
create or replace function dreamlit._retry_at(p_kind text, p_attempt integer) returns timestamptz
language sql volatile set search_path = pg_catalog, pg_temp as $$
  select dreamlit._now() + case when p_kind in ('email', 'slack')
    then least(interval '10 seconds' * 2 ^ least(p_attempt - 1, 20), interval '1 hour')
    else least(interval '2 seconds' * 2 ^ least(p_attempt - 1, 20), interval '5 minutes') end * (0.875 + random() / 4);
$$;
comment on function dreamlit._retry_at(text, integer) is
  'Returns when to try again after the p_attempt-th failure (from 1) of a step or message of that kind.';
create or replace function dreamlit._run_step(p_step dreamlit._steps, p_task_ids bigint[], p_items jsonb[]) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_publisher name;
  v_task_ids bigint[] := p_task_ids;
  v_items jsonb[] := p_items;
  v_failed bigint[];
begin
  select v.publisher into v_publisher from dreamlit._versions as v where v.version_id = p_step.version_id;
  if p_step.kind = 'trigger' then
    v_failed := dreamlit._fail_captured(p_task_ids);
    v_task_ids := array(select u.task_id from unnest(p_task_ids) as u(task_id) where u.task_id <> all (v_failed) order by u.task_id);
    v_items := dreamlit._trigger_items(v_task_ids);
    if v_task_ids = '{}' then
      return;
    end if;
  end if;
  if p_step.if_function is not null then
    select p.task_ids, p.items into v_task_ids, v_items from dreamlit._pass_condition(p_step, v_publisher, v_task_ids, v_items) as p;
    if v_task_ids is null then
      return;
    end if;
  end if;
  case p_step.kind
    when 'trigger' then perform dreamlit._advance_trigger(p_step, v_publisher, v_task_ids, v_items);
    when 'wait' then perform dreamlit._advance_wait(p_step, v_publisher, v_task_ids, v_items);
    when 'query' then perform dreamlit._advance_query(p_step, v_publisher, v_task_ids, v_items);
    when 'if' then perform dreamlit._settle(v_task_ids, 'done');
    else perform dreamlit._advance_message(p_step, v_task_ids, v_items);
  end case;
end;
$$;
comment on function dreamlit._run_step(dreamlit._steps, bigint[], jsonb[]) is
  'Asks the step''s condition and then does what its kind does, for a batch of locked tasks; raises whatever fails.';
-- Closes tasks, opens their children, and keeps the runs' counts: the one place where tasks end.
-- Lock order: tasks (the caller holds them), then runs in the order of their ids.
create or replace function dreamlit._settle(
  p_task_ids bigint[], p_state text, p_errors jsonb[] default null, p_open_children boolean default true,
  p_opened_runs bigint[] default null, p_opened_counts integer[] default null)
returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_now constant timestamptz := dreamlit._now();
  v_finished bigint[];
  v_cancelling bigint[];
begin
  if coalesce(cardinality(p_task_ids), 0) = 0 then
    return;
  end if;
  with closed as (
    delete from dreamlit._tasks as t using unnest(p_task_ids, p_errors) as u(task_id, error)
    where t.task_id = u.task_id
    returning t.task_id, t.run_id, t.step_id, t.item, t.attempt, coalesce(u.error, t.error) as error, t.started_at
  ), logged as (
    insert into dreamlit._task_history (task_id, run_id, step_id, item, state, attempt, error, started_at, finished_at)
    select c.task_id, c.run_id, c.step_id, case when p_state = 'failed' then c.item end, p_state, c.attempt, c.error, c.started_at, v_now
    from closed as c
  ), opened as (
    insert into dreamlit._tasks (run_id, step_id, item, state, due_at, started_at)
    select c.run_id, s.step_id, c.item, case when d.due_at > v_now then 'waiting' else 'due' end, d.due_at, v_now
    from closed as c
    join dreamlit._steps as s on s.parent_step_id = c.step_id
    cross join lateral (select dreamlit._due_at(s, v_now) as due_at) as d
    where p_state = 'done' and p_open_children
    returning run_id
  ), delta as (
    select e.run_id, sum(e.opened) - sum(e.closed) as open, sum(e.closed) as closed, (array_agg(e.error) filter (where e.error is not null))[1] as error
    from (
      select c.run_id, 0 as opened, 1 as closed, case when p_state = 'failed' then c.error end as error from closed as c
      union all select o.run_id, 1, 0, null from opened as o
      union all select o.run_id, o.opened, 0, null from unnest(p_opened_runs, p_opened_counts) as o(run_id, opened)
    ) as e
    group by e.run_id
  ), locked as (
    select r.run_id from dreamlit._runs as r where r.run_id in (select d.run_id from delta as d) order by r.run_id for update
  ), counted as (
    update dreamlit._runs as r set
      open_tasks = r.open_tasks + d.open,
      done_tasks = r.done_tasks + case when p_state = 'done' then d.closed else 0 end,
      skipped_tasks = r.skipped_tasks + case when p_state = 'skipped' then d.closed else 0 end,
      cancelling = r.cancelling or p_state = 'cancelled',
      failed_tasks = r.failed_tasks + case when p_state = 'failed' then d.closed else 0 end,
      last_error = coalesce(d.error, r.last_error)
    from delta as d join locked as l on l.run_id = d.run_id
    where r.run_id = d.run_id
    returning r.run_id, r.open_tasks, r.cancelling
  )
  select
    array_agg(c.run_id) filter (where c.open_tasks = 0),
    array_agg(c.run_id) filter (where c.open_tasks > 0 and c.cancelling)
  into v_finished, v_cancelling
  from counted as c;
  perform dreamlit._finish_runs(v_finished);
  if v_cancelling is not null and p_state <> 'cancelled' then
    perform dreamlit._cancel_tasks(v_cancelling);
  end if;
end;
$$;
comment on function dreamlit._settle(bigint[], text, jsonb[], boolean, bigint[], integer[]) is
  'Ends tasks as done, skipped, failed or cancelled (p_errors beside p_task_ids), opens the children of done ones unless '
  'p_open_children is false, counts what the caller opened itself, and finishes runs without open tasks.';
create or replace function dreamlit._trigger_items(p_task_ids bigint[]) returns jsonb[]
language sql stable set search_path = pg_catalog, pg_temp as $$
  select array_agg(
    r.payload || jsonb_build_object('new', case when r.operation <> 'delete' then r.payload -> 'trigger' end) order by t.task_id)
  from dreamlit._tasks as t
  join dreamlit._runs as r on r.run_id = t.run_id
  where t.task_id = any (p_task_ids);
$$;
comment on function dreamlit._trigger_items(bigint[]) is
  'Returns the items of tasks of the step trigger, in the order of their ids, with the row that conditions call new: null on delete.';
-- The whole batch at once; a batch that fails is halved until the bad task stands alone, so it never fails its neighbours.
create or replace function dreamlit._try_step(p_step dreamlit._steps, p_task_ids bigint[], p_items jsonb[]) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_count constant integer := cardinality(p_task_ids);
begin
  perform dreamlit._run_step(p_step, p_task_ids, p_items);
exception when others then
  if v_count = 1 then
    perform dreamlit._fail_task(p_step, p_task_ids[1], sqlstate, sqlerrm);
  else
    perform dreamlit._try_step(p_step, p_task_ids[: v_count / 2], p_items[: v_count / 2]);
    perform dreamlit._try_step(p_step, p_task_ids[v_count / 2 + 1 :], p_items[v_count / 2 + 1 :]);
  end if;
end;
$$;
comment on function dreamlit._try_step(dreamlit._steps, bigint[], jsonb[]) is
  'Runs a step for a batch of tasks; those that fail alone are counted as failed attempts.';
-- An error here is a fault of the engine or the server (disk full, a deadlock): it is noted and tried again, never the end of
-- the worker.
create or replace function dreamlit._work_unit(p_step_id bigint) returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  return case when p_step_id is null then dreamlit._launch_runs() else dreamlit._advance(p_step_id) end;
exception when others then
  raise warning 'dreamlit worker: % (%)', sqlerrm, sqlstate using hint = 'the batch is tried again';
  update dreamlit._workers as w set last_error = jsonb_build_object('sqlstate', sqlstate, 'message', sqlerrm, 'step_id', p_step_id), last_error_at = clock_timestamp()
  where w.worker = 'work:' || pg_backend_pid();
  return 0;
end;
$$;
comment on function dreamlit._work_unit(bigint) is
  'One batch of the worker: runs to start (null) or a step''s due tasks. Returns how many moved.';
grant execute on function dreamlit._work_unit(bigint) to dreamlit_admin;
create or replace function dreamlit._working_time(p_seconds integer) returns interval
language sql stable set search_path = pg_catalog, pg_temp as $$
  select least(
    make_interval(secs => p_seconds),
    (select make_interval(secs => 0.8 * s.setting::integer / 1000) from pg_settings as s where s.name = 'statement_timeout' and s.setting <> '0'));
$$;
comment on function dreamlit._working_time(integer) is
  'Returns how long a worker may work: as long as it was asked to, but well within the statement_timeout that its role or '
  'database sets.';
grant execute on function dreamlit._working_time(integer) to dreamlit_admin;
-- For servers without pg_cron, and the safety net where pg_cron has fallen silent: one round in one transaction.
create or replace function dreamlit.tick(sender text) returns table (moved integer, nap interval)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_moved integer;
begin
  perform dreamlit._see_sender($1, null);
  if exists (select from dreamlit._workers as w where w.worker like 'work:%' and w.last_tick_at > clock_timestamp() - interval '5 seconds')
    or not dreamlit._on_duty($1)
  then
    return query select 0, interval '1 second';
    return;
  end if;
  perform dreamlit._housekeep();
  v_moved := dreamlit._launch_runs();
  select v_moved + coalesce(sum(dreamlit._advance(s.step_id)), 0) into v_moved from unnest(dreamlit._due_steps()) as s(step_id);
  return query select v_moved, case when v_moved > 0 then interval '0' else interval '50 milliseconds' end;
end;
$$;
comment on function dreamlit.tick(text) is
  'One round of the worker, done by a sender: starts runs and advances due tasks. Returns how many moved and how long to sleep; '
  'nothing and a second while a worker of pg_cron is on duty. Commit after it.';
grant execute on function dreamlit.tick(text) to dreamlit_sender;
-- The worker: pg_cron starts it every minute. It commits after each batch and is safe to run any number of times at once.
-- A procedure that commits can be neither pinned nor a definer; so it only calls functions that are both, by their full names.
create or replace procedure dreamlit.work(seconds integer default 70)
language plpgsql as $$
declare
  v_worker constant text := 'work:' || pg_catalog.pg_backend_pid();
  v_until constant timestamptz := pg_catalog.clock_timestamp() operator(pg_catalog.+) dreamlit._working_time(seconds);
  v_step bigint;
  v_moved integer;
  v_idle integer := 0;
begin
  loop
    exit when not dreamlit._on_duty(v_worker);
    perform dreamlit._housekeep();
    commit;
    v_moved := dreamlit._work_unit(null);
    commit;
    foreach v_step in array dreamlit._due_steps() loop
      exit when not dreamlit._on_duty(v_worker);
      v_moved := v_moved operator(pg_catalog.+) dreamlit._work_unit(v_step);
      commit;
    end loop;
    exit when pg_catalog.clock_timestamp() operator(pg_catalog.>) v_until;
    v_idle := case when v_moved operator(pg_catalog.>) 0 then 0 else v_idle operator(pg_catalog.+) 1 end;
    if v_idle operator(pg_catalog.>) 0 then
      -- 20 ms while there is traffic, 100 ms after some ten idle seconds. The snapshot of a sleep lasts no longer than the sleep.
      perform pg_catalog.pg_sleep(case when v_idle operator(pg_catalog.<) 500 then 0.02 else 0.1 end);
      commit;
    end if;
  end loop;
end;
$$;
comment on procedure dreamlit.work(integer) is
  'Starts runs and advances tasks for about that many seconds, committing after each batch; ends within a second when an '
  'installation or upgrade waits. Run it from pg_cron every minute, or by hand.';
grant execute on procedure dreamlit.work(integer) to dreamlit_admin;

create or replace function dreamlit._renderer() returns text
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select dreamlit._setting('renderer') #>> '{}';
$$;
comment on function dreamlit._renderer() is 'Returns who renders templates in this installation: database or sender.';
grant execute on function dreamlit._renderer() to dreamlit_admin;
create or replace function dreamlit._request_rendering(p_task_ids bigint[]) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  with asked as (
    update dreamlit._tasks as t set state = 'rendering', due_at = null where t.task_id = any (p_task_ids)
    returning t.task_id, t.step_id
  )
  insert into pgmq.q_dreamlit_render (msg_id, vt, message) overriding system value
  select nextval('dreamlit._message_id_seq'), dreamlit._now(), jsonb_build_object('workflow_id', v.workflow_id, 'task_id', a.task_id)
  from asked as a
  join dreamlit._steps as s on s.step_id = a.step_id
  join dreamlit._versions as v on v.version_id = s.version_id;
  perform pg_notify('dreamlit_outbox', 'render');
end;
$$;
comment on function dreamlit._request_rendering(bigint[]) is
  'Puts tasks into the render queue: senders render where the server cannot.';
create or replace function dreamlit._render(p_channel text, p_templates jsonb, p_files jsonb, p_contexts jsonb) returns jsonb
language sql set search_path = pg_catalog, pg_temp as $$
  select dreamlit._run_python('render_batch', jsonb_build_array(p_channel, p_templates, p_files, p_contexts));
$$;
comment on function dreamlit._render(text, jsonb, jsonb, jsonb) is
  'Renders a batch: returns, in the order of the contexts, {"content"} or {"error": {"code", "message", "field", "file", '
  '"line"}}. Raises nothing for any template or context; fails where the server has no plpython3u.';
create or replace function dreamlit._template_files(p_version_id bigint) returns jsonb
language sql stable set search_path = pg_catalog, pg_temp as $$
  select coalesce(v.definition -> 'files', '{}') from dreamlit._versions as v where v.version_id = p_version_id;
$$;
comment on function dreamlit._template_files(bigint) is 'Returns the template files of a version: {"greet.html": "…"}.';
create or replace function dreamlit._template_references(p_templates jsonb, p_files jsonb) returns jsonb
language sql security definer set search_path = pg_catalog, pg_temp as $$
  select dreamlit._run_python('references', jsonb_build_array(p_templates, p_files));
$$;
comment on function dreamlit._template_references(jsonb, jsonb) is
  'Returns what a step''s templates read ({"field", "path"}) and what is wrong with them ({"field", "error", "line"}). Fails '
  'where the server has no plpython3u.';
grant execute on function dreamlit._template_references(jsonb, jsonb) to dreamlit_admin;

create or replace function dreamlit._address(p_channel text, p_content jsonb) returns table (recipient text, content jsonb)
language sql immutable set search_path = pg_catalog, pg_temp as $$
  select p_content ->> 'channel', p_content where p_channel = 'slack'
  union all
  select a.recipient, p_content || jsonb_build_object('to', jsonb_build_array(a.recipient)) || case when a.n > 1 then '{"cc": [], "bcc": []}'::jsonb else '{}' end
  from (
    select t.recipient, row_number() over (order by min(t.n)) as n
    from jsonb_array_elements_text(case when p_channel = 'email' then p_content -> 'to' else '[]' end) with ordinality as t(recipient, n)
    group by t.recipient
  ) as a;
$$;
comment on function dreamlit._address(text, jsonb) is 'Returns a rendered content once for each of its recipients.';
-- A configuration fault stops the channel for 5 s, doubling to 5 min, until a delivery succeeds; of deliveries under way at once
-- only the first fault counts. Retry-After stops it for as long as the provider says, and no success of an earlier start
-- shortens that.
create or replace function dreamlit._block_channels(p_results dreamlit._result[]) returns void
language sql set search_path = pg_catalog, pg_temp as $$
  update dreamlit._channels as c set
    failures = case when b.blocked then c.failures + b.counts when b.sent then 0 else c.failures end,
    blocked_until = case
      when b.blocked and b.counts = 1 then greatest(b.until, c.blocked_until, dreamlit._now() + least(interval '5 seconds' * 2 ^ least(c.failures, 10), interval '5 minutes'))
      when b.sent and c.reason ->> 'fault' = 'configuration' then coalesce(b.until, '-infinity')
      else greatest(b.until, c.blocked_until) end,
    reason = case
      when b.blocked or b.until > c.blocked_until then b.reason
      when b.sent and (c.reason ->> 'fault' = 'configuration' or c.blocked_until <= dreamlit._now()) then null
      else c.reason end
  from (
    select s.channel, s.blocked, s.sent, s.reason,
      dreamlit._now() + make_interval(secs => s.retry_after) as until,
      case when h.failures = 0 or h.blocked_until <= dreamlit._now() then 1 else 0 end as counts
    from (
      select r.channel, bool_or(r.verdict = 'block') as blocked, max(least(r.retry_after, 3600)) filter (where r.retry_after > 0) as retry_after, bool_or(r.verdict = 'sent') as sent,
        (array_agg(jsonb_strip_nulls(jsonb_build_object('fault', r.fault, 'code', r.code, 'message', r.error)) order by r.verdict = 'block' desc, r.retry_after desc nulls last)
          filter (where r.verdict = 'block' or r.retry_after > 0))[1] as reason
      from unnest(p_results) as r
      group by r.channel
    ) as s join dreamlit._channels as h on h.channel = s.channel
  ) as b
  where c.channel = b.channel and (b.blocked or b.until is not null or (b.sent and c.reason is not null));
$$;
comment on function dreamlit._block_channels(dreamlit._result[]) is
  'Stops channels after a configuration fault or a provider''s Retry-After, and opens them again after a delivery.';
create or replace function dreamlit._check_results(p_results jsonb) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_wrong record;
begin
  if jsonb_typeof(p_results) is distinct from 'array' then
    raise exception using errcode = 'DL001', message = 'the results are no JSON list',
      hint = 'send [{"message_id", "attempt", "outcome"}]';
  end if;
  select r.outcome, r.fault into v_wrong
  from jsonb_to_recordset(p_results) as r(message_id bigint, attempt integer, outcome text, fault text)
  where r.message_id is null or r.attempt is null or r.outcome is null
    or r.outcome not in ('started', 'sent', 'failed', 'released', 'rendered')
    or (r.outcome = 'failed' and coalesce(r.fault, '') not in ('recipient', 'configuration', 'transient', 'unknown'))
  limit 1;
  if found then
    raise exception using errcode = 'DL001',
      message = format('a result with outcome %s and fault %s is not understood', v_wrong.outcome, v_wrong.fault),
      hint = 'give message_id, attempt and a known outcome; run a sender of this database''s release';
  end if;
end;
$$;
comment on function dreamlit._check_results(jsonb) is 'Raises DL001 for results without an id or with an unknown outcome.';
create or replace function dreamlit._claim_messages(p_queue text, p_quantity integer, p_lease interval, p_sender text)
returns table (message_id bigint, attempt integer, content jsonb, lease_until timestamptz)
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_cancelled bigint[];
  v_claimed dreamlit._claimed[];
begin
  -- A message posted while its run was being cancelled: cancel_run could not see it yet.
  execute format($sql$
    with leased as (%s), looked as (
      select l.msg_id, l.read_ct, l.vt, m.content, coalesce(r.cancelling, false) as cancelled
      from leased as l
      join dreamlit._messages as m on m.message_id = l.msg_id and m.created_at = (l.message ->> 'created_at')::timestamptz
      left join dreamlit._runs as r on r.run_id = m.run_id
    )
    select array_agg(k.msg_id) filter (where k.cancelled),
      array_agg((k.msg_id, k.read_ct, k.content, k.vt)::dreamlit._claimed order by k.msg_id) filter (where not k.cancelled)
    from looked as k $sql$, dreamlit._lease_sql(p_queue))
  into v_cancelled, v_claimed using p_quantity, p_lease, p_sender;
  perform dreamlit._cancel_messages(v_cancelled);
  return query select c.message_id, c.attempt, c.content, c.lease_until from unnest(v_claimed) as c;
end;
$$;
comment on function dreamlit._claim_messages(text, integer, interval, text) is
  'Leases messages of one queue; those of a run being cancelled are cancelled instead.';
create or replace function dreamlit._claim_renderings(p_quantity integer, p_lease interval, p_sender text)
returns table (message_id bigint, attempt integer, content jsonb, templates jsonb, lease_until timestamptz)
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_leased dreamlit._claimed[];
begin
  execute format($sql$
    with leased as (%s)
    select array_agg((l.msg_id, l.read_ct, l.message, l.vt)::dreamlit._claimed) from leased as l $sql$, dreamlit._lease_sql('dreamlit_render'))
  into v_leased using p_quantity, p_lease, p_sender;
  -- Their runs were cancelled meanwhile.
  perform dreamlit._dequeue('dreamlit_render', array(
    select l.message_id from unnest(v_leased) as l
    where not exists (select from dreamlit._tasks as t where t.task_id = (l.content -> 'task_id')::bigint and t.state = 'rendering')));
  return query
    select l.message_id, l.attempt,
      jsonb_build_object('step_id', s.step_id, 'channel', s.kind, 'context', r.payload || coalesce(t.item, '{}')),
      case when row_number() over (partition by s.step_id order by l.message_id) = 1
        then jsonb_build_object('templates', s.settings -> 'templates', 'files', dreamlit._template_files(s.version_id)) end,
      l.lease_until
    from unnest(v_leased) as l
    join dreamlit._tasks as t on t.task_id = (l.content -> 'task_id')::bigint and t.state = 'rendering'
    join dreamlit._runs as r on r.run_id = t.run_id
    join dreamlit._steps as s on s.step_id = t.step_id
    order by s.step_id, l.message_id;
end;
$$;
comment on function dreamlit._claim_renderings(integer, interval, text) is 'Leases tasks to be rendered; templates stand in the first row of each step.';
create or replace function dreamlit._dequeue(p_queue text, p_message_ids bigint[]) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  execute format('delete from pgmq.%I as q where q.msg_id = any ($1)', 'q_' || p_queue) using p_message_ids;
end;
$$;
comment on function dreamlit._dequeue(text, bigint[]) is 'Takes messages off their outbox queue.';
-- What is paused, started (an interrupted delivery: _reap decides) or not yet visible is stepped over.
create or replace function dreamlit._lease_sql(p_queue text) returns text
language sql immutable set search_path = pg_catalog, pg_temp as $$
  select format($sql$
    update pgmq.%1$I as q
    set vt = dreamlit._now() + $2, read_ct = q.read_ct + 1, last_read_at = dreamlit._now(), headers = jsonb_build_object('sender', $3)
    from (
      select r.msg_id from pgmq.%1$I as r
      where r.vt <= dreamlit._now() and not coalesce(r.headers ? 'started_at', false)
        and (r.message -> 'workflow_id')::bigint <> all (array(select w.workflow_id from dreamlit._workflows as w where w.state = 'paused'))
      order by r.vt, r.msg_id
      limit $1
      for update skip locked
    ) as ready
    where q.msg_id = ready.msg_id
    returning q.msg_id, q.read_ct, q.vt, q.message$sql$, 'q_' || p_queue);
$$;
comment on function dreamlit._lease_sql(text) is
  'Returns the statement that leases rows of an outbox queue: $1 quantity, $2 lease, $3 sender.';
-- In the order of ids, so that two reports, or a report and a claim, never wait for each other in a circle.
create or replace function dreamlit._lock_outbox(p_message_ids bigint[])
returns table (message_id bigint, queue text, read_ct integer, message jsonb, headers jsonb)
language sql set search_path = pg_catalog, pg_temp as $$
  with email_urgent as (
    select q.* from pgmq.q_dreamlit_email_urgent as q where q.msg_id = any (p_message_ids) order by q.msg_id for update
  ), email_bulk as (
    select q.* from pgmq.q_dreamlit_email_bulk as q where q.msg_id = any (p_message_ids) order by q.msg_id for update
  ), slack_urgent as (
    select q.* from pgmq.q_dreamlit_slack_urgent as q where q.msg_id = any (p_message_ids) order by q.msg_id for update
  ), slack_bulk as (
    select q.* from pgmq.q_dreamlit_slack_bulk as q where q.msg_id = any (p_message_ids) order by q.msg_id for update
  ), render as (
    select q.* from pgmq.q_dreamlit_render as q where q.msg_id = any (p_message_ids) order by q.msg_id for update
  )
  select e.msg_id, 'dreamlit_email_urgent', e.read_ct, e.message, e.headers from email_urgent as e
  union all select e.msg_id, 'dreamlit_email_bulk', e.read_ct, e.message, e.headers from email_bulk as e
  union all select e.msg_id, 'dreamlit_slack_urgent', e.read_ct, e.message, e.headers from slack_urgent as e
  union all select e.msg_id, 'dreamlit_slack_bulk', e.read_ct, e.message, e.headers from slack_bulk as e
  union all select e.msg_id, 'dreamlit_render', e.read_ct, e.message, e.headers from render as e;
$$;
comment on function dreamlit._lock_outbox(bigint[]) is
  'Locks and returns the outbox rows of messages, with the queue that each stands in.';
-- The last gate before a message leaves: still claimed by this sender, its workflow not paused, its run not being cancelled.
create or replace function dreamlit._mark_started(p_results dreamlit._result[]) returns bigint[]
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_queue text;
  v_some bigint[];
  v_started bigint[] := '{}';
begin
  for v_queue in select distinct r.queue from unnest(p_results) as r loop
    execute format($sql$
      with started as (
        update pgmq.%I as q
        set vt = dreamlit._now() + $2, headers = jsonb_build_object('sender', r.sender, 'started_at', dreamlit._now())
        from unnest($1) as r
        join dreamlit._messages as m on m.message_id = r.message_id and m.created_at = r.created_at
        join dreamlit._workflows as w on w.workflow_id = m.workflow_id
        left join dreamlit._runs as n on n.run_id = m.run_id
        where q.msg_id = r.message_id and q.read_ct = r.attempt and r.queue = $3
          and m.state = 'queued' and w.state <> 'paused' and not coalesce(n.cancelling, false)
        returning q.msg_id
      )
      select array_agg(s.msg_id) from started as s $sql$, 'q_' || v_queue)
    into v_some using p_results, (dreamlit._setting('lease') #>> '{}')::interval, v_queue;
    v_started := v_started || v_some;
  end loop;
  return v_started;
end;
$$;
comment on function dreamlit._mark_started(dreamlit._result[]) is
  'Marks deliveries as begun and renews their lease; returns the ids of those that may be delivered.';
create or replace function dreamlit._outbox_queue(p_channel text, p_lane text) returns text
language sql immutable parallel safe as $$
  select 'dreamlit_' || p_channel || '_' || p_lane;
$$;
comment on function dreamlit._outbox_queue(text, text) is 'Returns the pgmq queue of a channel''s lane.';
-- From rendered contents to messages: a message for each recipient; cc and bcc go with the first. The queue's msg_id is the
-- message's id, so one number finds it everywhere.
create or replace function dreamlit._post_messages(p_step dreamlit._steps, p_task_ids bigint[], p_rendered jsonb) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_failed bigint[];
  v_errors jsonb[];
begin
  select array_agg(u.task_id), array_agg((r.value -> 'error') || jsonb_build_object('step', p_step.name)) into v_failed, v_errors
  from unnest(p_task_ids) with ordinality as u(task_id, n)
  join jsonb_array_elements(p_rendered) with ordinality as r(value, n) on r.n = u.n
  where r.value ? 'error';
  perform dreamlit._settle(v_failed, 'failed', v_errors);

  execute format($sql$
    with rendered as (
      select t.task_id, t.run_id, r.value -> 'content' as content,
        -- One recipient, as almost always: the content is complete as it is.
        case when $5 = 'email' and jsonb_array_length(r.value -> 'content' -> 'to') = 1 then r.value #>> '{content,to,0}' end as recipient
      from unnest($1) with ordinality as u(task_id, n)
      join jsonb_array_elements($2) with ordinality as r(value, n) on r.n = u.n
      join dreamlit._tasks as t on t.task_id = u.task_id
      where r.value ? 'content'
    ), posted as (
      insert into dreamlit._messages (created_at, workflow_id, step_id, run_id, task_id, channel, lane, recipient, content, state)
      select $3, v.workflow_id, $4, r.run_id, r.task_id, $5, $6, a.recipient, a.content, 'queued'
      from rendered as r
      join dreamlit._versions as v on v.version_id = $7
      cross join lateral (
        select r.recipient, r.content where r.recipient is not null
        union all
        select d.recipient, d.content from dreamlit._address($5, r.content) as d where r.recipient is null) as a
      returning message_id, task_id, workflow_id
    ), counted as (
      update dreamlit._tasks as t set state = 'sending', due_at = null, open_messages = p.messages, failed_messages = 0
      from (select o.task_id, count(*) as messages from posted as o group by o.task_id) as p
      where t.task_id = p.task_id
    )
    insert into pgmq.%I (msg_id, vt, message) overriding system value
    select p.message_id, $3, jsonb_build_object('created_at', $3, 'workflow_id', p.workflow_id)
    from posted as p $sql$, 'q_' || dreamlit._outbox_queue(p_step.kind, p_step.settings ->> 'lane'))
  using p_task_ids, p_rendered, dreamlit._now(), p_step.step_id, p_step.kind, p_step.settings ->> 'lane', p_step.version_id;
  perform pg_notify('dreamlit_outbox', p_step.kind);
end;
$$;
comment on function dreamlit._post_messages(dreamlit._steps, bigint[], jsonb) is
  'Makes messages of rendered contents ({"content"} or {"error"}, in the order of p_task_ids) and queues them in the step''s '
  'lane; a task whose rendering failed is failed, for the same text fails again.';
create or replace function dreamlit._read_results(p_sender text, p_results jsonb) returns dreamlit._result[]
language sql set search_path = pg_catalog, pg_temp as $$
  with results as (
    select j.*, row_number() over (partition by j.message_id, j.outcome = 'started' order by j.n) > 1 and j.outcome <> 'started' as repeated
    from rows from (jsonb_to_recordset(p_results) as (
      message_id bigint, attempt integer, outcome text, fault text, code text, error text,
      retry_after double precision, provider text, provider_id text, content jsonb)
    ) with ordinality as j(message_id, attempt, outcome, fault, code, error, retry_after, provider, provider_id, content, n)
  ), outbox as (
    select o.* from dreamlit._lock_outbox(array(select r.message_id from results as r)) as o
  )
  select coalesce(array_agg((
    r.message_id, m.created_at, o.queue, m.channel, coalesce(m.task_id, (o.message ->> 'task_id')::bigint), r.attempt,
    coalesce(o.headers ->> 'sender', p_sender),
    (o.headers ->> 'started_at')::timestamptz, r.outcome, r.fault, left(r.code, 100), left(r.error, 2000),
    r.retry_after, r.provider, r.provider_id, r.content, m.attempts,
    case
      when r.repeated then 'stale'
      -- Given back, claimed by somebody else since, or settled: only a delivery still counts, because it happened.
      when (o.read_ct = r.attempt and o.headers ? 'sender') is not true and r.outcome <> 'sent' then 'stale'
      when o.message_id is null and m.message_id is null then 'stale'
      else dreamlit._verdict(r.outcome, r.fault, m.attempts + 1, s.max_attempts, s.settings ->> 'when_uncertain')
    end)::dreamlit._result order by r.n), '{}')
  from results as r
  left join outbox as o on o.message_id = r.message_id
  left join dreamlit._uncertain_messages as u on u.message_id = r.message_id
  left join dreamlit._messages as m on m.message_id = r.message_id and m.created_at = coalesce((o.message ->> 'created_at')::timestamptz, u.created_at)
  left join dreamlit._steps as s on s.step_id = m.step_id;
$$;
comment on function dreamlit._read_results(text, jsonb) is
  'Returns a report''s results with their outbox rows, which it locks, and the verdict on each.';
-- A delivery that began and whose lease has ended: nobody knows whether the provider took the message.
create or replace function dreamlit._reap() returns integer
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_results jsonb;
begin
  select jsonb_agg(jsonb_build_object('message_id', o.message_id, 'attempt', o.read_ct, 'outcome', 'failed', 'fault', 'unknown',
    'code', 'interrupted', 'error', format('the sender %s began to deliver and was not heard of again', o.headers ->> 'sender')))
  into v_results
  from dreamlit._outbox as o
  where o.ready_at <= dreamlit._now() and o.headers ? 'started_at';
  if v_results is null then
    return 0;
  end if;
  perform dreamlit._report_messages(dreamlit._read_results('reaper', v_results));
  return jsonb_array_length(v_results);
end;
$$;
comment on function dreamlit._reap() is
  'Treats interrupted deliveries as the step''s when_uncertain says, and returns how many there were.';
create or replace function dreamlit._record_attempts(p_results dreamlit._result[]) returns void
language sql set search_path = pg_catalog, pg_temp as $$
  insert into dreamlit._attempts (message_id, attempt, sender, started_at, finished_at, outcome, fault, code, error, provider, provider_id)
  select r.message_id, r.attempt, r.sender, r.started_at, dreamlit._now(),
    case when r.outcome = 'sent' then 'sent' when r.fault = 'unknown' then 'unknown' else 'failed' end,
    r.fault, r.code, r.error, r.provider, r.provider_id
  from unnest(p_results) as r;
$$;
comment on function dreamlit._record_attempts(dreamlit._result[]) is 'Logs finished attempts.';
create or replace function dreamlit._record_messages(p_results dreamlit._result[]) returns void
language sql set search_path = pg_catalog, pg_temp as $$
  delete from dreamlit._uncertain_messages as u using unnest(p_results) as r
  where u.message_id = r.message_id and r.verdict = 'sent';

  update dreamlit._messages as m set
    state = case r.verdict when 'retry' then 'queued' when 'block' then 'queued' else r.verdict end,
    attempts = m.attempts + case r.verdict when 'block' then 0 else 1 end,
    error = case when r.verdict <> 'sent' then jsonb_strip_nulls(jsonb_build_object('fault', r.fault, 'code', r.code, 'message', r.error)) end,
    provider = coalesce(r.provider, m.provider),
    provider_id = coalesce(r.provider_id, m.provider_id),
    settled_at = case when r.verdict in ('sent', 'failed') then dreamlit._now() end
  from unnest(p_results) as r
  where m.message_id = r.message_id and m.created_at = r.created_at;

  insert into dreamlit._uncertain_messages (message_id, created_at, workflow_id, held_at)
  select m.message_id, m.created_at, m.workflow_id, dreamlit._now()
  from unnest(p_results) as r
  join dreamlit._messages as m on m.message_id = r.message_id and m.created_at = r.created_at
  where r.verdict = 'uncertain'
  on conflict do nothing;
$$;
comment on function dreamlit._record_messages(dreamlit._result[]) is
  'Writes the verdicts into the messages, and holds the uncertain ones for a person.';
create or replace function dreamlit._report_messages(p_results dreamlit._result[]) returns table (message_id bigint, state text)
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_started bigint[];
  v_finished dreamlit._result[] := array(select r from unnest(p_results) as r where r.verdict not in ('start', 'release', 'stale') order by r.message_id);
begin
  v_started := dreamlit._mark_started(array(select r from unnest(p_results) as r where r.verdict = 'start'));
  perform dreamlit._requeue(r.queue, array_agg(r.message_id), array_agg(case r.verdict
      when 'retry' then greatest(dreamlit._retry_at(r.channel, r.attempts + 1), dreamlit._now() + make_interval(secs => coalesce(r.retry_after, 0)))
      else dreamlit._now() end))
  from unnest(p_results) as r
  where r.verdict in ('retry', 'block', 'release')
  group by r.queue;
  perform dreamlit._dequeue(r.queue, array_agg(r.message_id))
  from unnest(v_finished) as r where r.verdict in ('sent', 'failed', 'uncertain') and r.queue is not null
  group by r.queue;
  perform dreamlit._record_attempts(v_finished);
  perform dreamlit._record_messages(v_finished);
  perform dreamlit._block_channels(v_finished);
  perform dreamlit._settle_messages(v_finished);
  return query
    select r.message_id, case r.verdict
      when 'start' then case when r.message_id = any (v_started) then 'sending' else 'queued' end
      when 'stale' then 'lost'
      when 'sent' then 'sent' when 'failed' then 'failed' when 'uncertain' then 'uncertain'
      else 'queued' end
    from unnest(p_results) as r;
end;
$$;
comment on function dreamlit._report_messages(dreamlit._result[]) is
  'Carries out the verdicts on messages and returns the state of each.';
create or replace function dreamlit._report_renderings(p_results dreamlit._result[]) returns table (message_id bigint, state text)
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_step dreamlit._steps;
  v_task_ids bigint[];
  v_rendered jsonb;
begin
  perform dreamlit._requeue('dreamlit_render', array_agg(r.message_id), array_agg(dreamlit._now() + case when r.outcome = 'failed' then interval '30 seconds' else interval '0' end))
  from unnest(p_results) as r
  where r.verdict <> 'stale' and (r.outcome = 'released' or (r.outcome = 'failed' and r.fault <> 'recipient'));
  perform dreamlit._dequeue('dreamlit_render', array_agg(r.message_id))
  from unnest(p_results) as r
  where r.verdict <> 'stale' and (r.outcome = 'rendered' or (r.outcome = 'failed' and r.fault = 'recipient'));

  for v_step in
    select s.* from dreamlit._steps as s where s.step_id in (
      select t.step_id from unnest(p_results) as r join dreamlit._tasks as t on t.task_id = r.task_id)
    order by s.step_id
  loop
    select array_agg(r.task_id order by r.task_id), jsonb_agg(case r.outcome
        when 'rendered' then jsonb_build_object('content', r.content)
        else jsonb_build_object('error', jsonb_strip_nulls(jsonb_build_object('code', r.code, 'message', r.error))) end order by r.task_id)
    into v_task_ids, v_rendered
    from unnest(p_results) as r join dreamlit._tasks as t on t.task_id = r.task_id
    where t.step_id = v_step.step_id and t.state = 'rendering' and r.verdict <> 'stale'
      and (r.outcome = 'rendered' or (r.outcome = 'failed' and r.fault = 'recipient'));
    if v_task_ids is not null then
      perform dreamlit._post_messages(v_step, v_task_ids, v_rendered);
    end if;
  end loop;
  return query
    select r.message_id, case when r.verdict = 'stale' then 'lost' when r.outcome = 'started' then 'sending' when r.outcome = 'rendered' then 'rendered'
      when r.outcome = 'failed' and r.fault = 'recipient' then 'failed' else 'queued' end
    from unnest(p_results) as r;
end;
$$;
comment on function dreamlit._report_renderings(dreamlit._result[]) is
  'Posts what a sender rendered; a task whose template failed is failed, anything else is rendered again.';
create or replace function dreamlit._requeue(p_queue text, p_message_ids bigint[], p_ready_at timestamptz[]) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  execute format($sql$
    update pgmq.%I as q set vt = u.ready_at, headers = null
    from unnest($1, $2) as u(message_id, ready_at)
    where q.msg_id = u.message_id $sql$, 'q_' || p_queue)
  using p_message_ids, p_ready_at;
end;
$$;
comment on function dreamlit._requeue(text, bigint[], timestamptz[]) is
  'Gives claimed messages back to their queue, to be claimed again from p_ready_at on.';
create or replace function dreamlit._see_sender(p_sender text, p_channel text) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_now constant timestamptz := dreamlit._now();
begin
  if exists (
    select from dreamlit._senders as s
    where s.sender = p_sender and s.last_seen_at > v_now - interval '5 seconds' and (p_channel is null or p_channel = any (s.channels))
  ) then
    return;
  end if;
  if not exists (select from dreamlit._senders as s where s.sender = p_sender) then
    -- Somebody has just started a sender: what stood still for a wrong password is tried again.
    update dreamlit._channels as c set blocked_until = '-infinity', failures = 0 where c.reason ->> 'fault' = 'configuration' and c.blocked_until > v_now;
    delete from dreamlit._senders as s where s.last_seen_at < v_now - interval '1 day';
  end if;
  insert into dreamlit._senders as s (sender, channels, first_seen_at, last_seen_at)
  values (left(p_sender, 200), case when p_channel is null then '{}'::text[] else array[p_channel] end, v_now, v_now)
  on conflict on constraint _senders_pkey do update set
    last_seen_at = excluded.last_seen_at,
    channels = array(select distinct c from unnest(s.channels || excluded.channels) as c order by c);
end;
$$;
comment on function dreamlit._see_sender(text, text) is
  'Notes that a sender is alive, at most every five seconds; a new one lifts blocks that a configuration fault had set.';
-- A task ends with its last message: done if all went out, failed if one did not.
create or replace function dreamlit._settle_messages(p_results dreamlit._result[]) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_done bigint[];
  v_failed bigint[];
  v_errors jsonb[];
begin
  perform t.task_id from dreamlit._tasks as t
  where t.task_id in (select r.task_id from unnest(p_results) as r) order by t.task_id for update;
  with counted as (
    update dreamlit._tasks as t set
      open_messages = t.open_messages - r.settled,
      failed_messages = t.failed_messages + r.failed,
      error = coalesce(r.error, t.error)
    from (
      select r.task_id, count(*) as settled, count(*) filter (where r.verdict = 'failed') as failed,
        (array_agg(jsonb_strip_nulls(jsonb_build_object('message_id', r.message_id, 'fault', r.fault, 'code', r.code, 'message', r.error)))
          filter (where r.verdict = 'failed'))[1] as error
      from unnest(p_results) as r
      where r.verdict in ('sent', 'failed')
      group by r.task_id
    ) as r
    where t.task_id = r.task_id and t.state = 'sending'
    returning t.task_id, t.step_id, t.open_messages, t.failed_messages, t.error
  )
  select
    array_agg(c.task_id) filter (where c.failed_messages = 0),
    array_agg(c.task_id) filter (where c.failed_messages > 0),
    array_agg(c.error || jsonb_build_object('step', s.name)) filter (where c.failed_messages > 0)
  into v_done, v_failed, v_errors
  from counted as c join dreamlit._steps as s on s.step_id = c.step_id
  where c.open_messages <= 0;
  perform dreamlit._settle(v_done, 'done');
  perform dreamlit._settle(v_failed, 'failed', v_errors);
end;
$$;
comment on function dreamlit._settle_messages(dreamlit._result[]) is
  'Counts settled messages off their tasks and ends the tasks that have none left.';
-- The whole policy on what becomes of a message, in one place.
create or replace function dreamlit._verdict(p_outcome text, p_fault text, p_attempts integer, p_max_attempts integer, p_when_uncertain text)
returns text
language sql immutable set search_path = pg_catalog, pg_temp as $$
  select case
    when p_outcome = 'started' then 'start'
    when p_outcome = 'sent' then 'sent'
    when p_outcome = 'released' then 'release'
    when p_fault = 'configuration' then 'block'
    when p_fault = 'recipient' then 'failed'
    when p_fault = 'unknown' and p_when_uncertain = 'hold' then 'uncertain'
    when p_attempts >= p_max_attempts then 'failed'
    else 'retry'
  end;
$$;
comment on function dreamlit._verdict(text, text, integer, integer, text) is
  'Returns what becomes of a message after its p_attempts-th attempt: start, sent, release (claim again at once), block (ours '
  'to mend: stop the channel, the attempt does not count), failed, uncertain, retry.';
-- Leases ready messages to a sender, urgent before bulk. Paused workflows and blocked channels are a predicate here, never moved
-- rows.
create or replace function dreamlit.claim(channel text, sender text, quantity integer, lease interval default null)
returns table (message_id bigint, attempt integer, content jsonb, templates jsonb, lease_until timestamptz)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_lease constant interval := coalesce($4, (dreamlit._setting('lease') #>> '{}')::interval);
  v_queue text;
  v_left integer := least($3, 1000);
  v_rows integer;
begin
  if $1 not in ('email', 'slack', 'render') then
    raise exception using errcode = 'DL002', message = format('there is no channel %s', $1), hint = 'use email, slack or render';
  end if;
  perform dreamlit._see_sender($2, $1);
  if dreamlit._now() < (select c.blocked_until from dreamlit._channels as c where c.channel = $1) then
    return;
  end if;
  foreach v_queue in array case when $1 = 'render' then array['dreamlit_render'] else array[
    dreamlit._outbox_queue($1, 'urgent'), dreamlit._outbox_queue($1, 'bulk')] end
  loop
    exit when v_left <= 0;
    if $1 = 'render' then
      return query select * from dreamlit._claim_renderings(v_left, v_lease, $2);
    else
      return query select c.message_id, c.attempt, c.content, null::jsonb, c.lease_until from dreamlit._claim_messages(v_queue, v_left, v_lease, $2) as c;
    end if;
    get diagnostics v_rows = row_count;
    v_left := v_left - v_rows;
  end loop;
end;
$$;
comment on function dreamlit.claim(text, text, integer, interval) is
  'Leases up to quantity (at most 1000) ready messages of a channel (email, slack, render) to a sender and returns them '
  'complete. They come back to the queue at lease_until (the setting lease, unless given) if nothing is reported; one whose '
  'start was reported becomes uncertain then. attempt goes back with the report. Raises DL002 for an unknown channel. Commit '
  'before delivering.';
grant execute on function dreamlit.claim(text, text, integer, interval) to dreamlit_sender;
-- The other half of claim: facts in, decisions here. Lock order: outbox rows, messages, tasks, runs.
create or replace function dreamlit.report(sender text, results jsonb) returns table (message_id bigint, state text)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_results dreamlit._result[];
begin
  perform dreamlit._check_results($2);
  perform dreamlit._see_sender($1, null);
  perform dreamlit._ensure_partitions();
  v_results := dreamlit._read_results($1, $2);
  return query
    select r.* from dreamlit._report_renderings(array(select r from unnest(v_results) as r where r.queue = 'dreamlit_render')) as r;
  return query
    select r.* from dreamlit._report_messages(array(select r from unnest(v_results) as r where r.queue is distinct from 'dreamlit_render')) as r;
end;
$$;
comment on function dreamlit.report(text, jsonb) is
  'Takes a batch of outcomes ([{"message_id", "attempt", "outcome": started, sent, failed, released or rendered, "fault", '
  '"code", "error", "retry_after", "provider", "provider_id", "content"}]) and decides what becomes of each message. Returns '
  'each one''s state; deliver after reporting started only what comes back as sending. Outcomes of messages that are settled '
  'already change nothing, so a report may be repeated. Raises DL001 for an outcome or fault that it does not know. Commit '
  'after it.';
grant execute on function dreamlit.report(text, jsonb) to dreamlit_sender;

create or replace function dreamlit._cancel_messages(p_message_ids bigint[]) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_cancelled bigint[];
  v_tasks bigint[];
begin
  if coalesce(cardinality(p_message_ids), 0) = 0 then
    return;
  end if;
  select array_agg(o.message_id) into v_cancelled
  from dreamlit._lock_outbox(p_message_ids) as o
  where not coalesce(o.headers ? 'started_at', false);
  perform dreamlit._dequeue(q.queue, v_cancelled)
  from unnest(array['dreamlit_email_urgent', 'dreamlit_email_bulk', 'dreamlit_slack_urgent', 'dreamlit_slack_bulk']) as q(queue);
  with uncertain as (
    delete from dreamlit._uncertain_messages as u where u.message_id = any (p_message_ids) returning u.message_id
  ), cancelled as (
    update dreamlit._messages as m set state = 'cancelled', settled_at = dreamlit._now()
    where m.message_id = any (v_cancelled || array(select u.message_id from uncertain as u)) and m.state in ('queued', 'uncertain')
    returning m.task_id
  ), counted as (
    update dreamlit._tasks as t set open_messages = t.open_messages - c.messages
    from (select task_id, count(*) as messages from cancelled group by task_id) as c
    where t.task_id = c.task_id
    returning t.task_id, t.open_messages
  )
  select array_agg(c.task_id) filter (where c.open_messages <= 0) into v_tasks from counted as c;
  perform dreamlit._settle(v_tasks, 'cancelled');
end;
$$;
comment on function dreamlit._cancel_messages(bigint[]) is
  'Takes messages off the outbox whose delivery has not begun, or that are uncertain, and ends their tasks as cancelled.';
create or replace function dreamlit._cancel_tasks(p_run_ids bigint[]) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_task_ids bigint[];
begin
  select array_agg(t.task_id) into v_task_ids
  from (
    -- A task with a delivery under way ends with that delivery.
    select t.task_id from dreamlit._tasks as t
    where t.run_id = any (p_run_ids) and (t.state <> 'sending' or t.open_messages <= 0)
    order by t.task_id for update skip locked
  ) as t;
  perform dreamlit._settle(v_task_ids, 'cancelled');
end;
$$;
comment on function dreamlit._cancel_tasks(bigint[]) is
  'Ends the open tasks of runs as cancelled, save those that somebody is working on.';
-- pg_cron's tables are there in one database of the server only, and not for everybody; dreamlit.health knows whether a worker
-- ticks.
create or replace function dreamlit._examine_cron() returns table (name text, state text, detail text, mend text)
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  v_failed text;
begin
  if not exists (
    select from pg_class as c
    where c.oid = to_regclass('cron.job') and has_schema_privilege(c.relnamespace, 'USAGE') and has_table_privilege(c.oid, 'SELECT'))
  then
    return query select 'pg_cron', 'ok', 'its jobs cannot be read from here; the line worker tells whether one ticks', null::text;
    return;
  end if;
  select (array_agg(d.return_message order by d.start_time desc))[1] into v_failed
  from cron.job_run_details as d join cron.job as j on j.jobid = d.jobid
  where j.command like '%dreamlit.work%' and d.status = 'failed' and d.start_time > now() - interval '10 minutes';
  if not exists (select from cron.job as j where j.command like '%dreamlit.work%' and j.active) then
    return query select 'pg_cron', 'warning', 'no active job of yours runs dreamlit.work', 'run dreamlit install again, or let a sender tick';
  else
    return query select 'pg_cron', case when v_failed is null then 'ok' else 'warning' end,
      coalesce('a job failed lately: ' || v_failed, 'the job is scheduled'),
      'see cron.job_run_details; the job''s user must be able to connect to cron.host';
  end if;
  if (select s.setting from pg_settings as s where s.name = 'cron.use_background_workers') = 'on'
    and (select string_to_array(e.extversion, '.')::integer[] < array[1, 5] from pg_extension as e where e.extname = 'pg_cron')
  then
    return query select 'pg_cron', 'warning', 'before 1.5 it runs its jobs one after the other with cron.use_background_workers on',
      'set it off, and cron.host to the socket''s directory';
  end if;
end;
$$;
comment on function dreamlit._examine_cron() is 'Returns the doctor''s checks of pg_cron, as far as the caller may see its jobs from this database.';
grant execute on function dreamlit._examine_cron() to dreamlit_admin;
create or replace function dreamlit._examine_engine() returns table (name text, state text, detail text, mend text)
language sql security definer set search_path = pg_catalog, pg_temp as $$
  select * from dreamlit._examine_installation()
  union all
  select * from dreamlit._examine_workflows()
  union all
  select h.name, h.state, concat_ws(', ', h.number::text, h.seconds || ' s', h.detail), case
      when h.name like 'channel %' then 'mend the sender''s configuration and start it anew; Retry-After passes by itself'
      when h.name = 'uncertain messages' then 'dreamlit.release(message_id) or dreamlit.discard(message_id)'
      when h.name = 'worker' then 'run dreamlit install again, or let a sender run: it ticks where no worker does'
      when h.name = 'sender' then 'start one: dreamlit sender'
      when h.name = 'oldest snapshot' then 'end that transaction'
      when h.name like 'dead rows%' then 'look for what holds old snapshots; is autovacuum on?'
      else 'is the worker running, and are its senders?' end
  from dreamlit.health as h;
$$;
comment on function dreamlit._examine_engine() is 'Returns the doctor''s checks of the installation, the workflows and dreamlit.health.';
grant execute on function dreamlit._examine_engine() to dreamlit_admin;
create or replace function dreamlit._examine_functions(p_version_id bigint, p_publisher name) returns table (state text, detail text, mend text)
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_function record;
begin
  for v_function in
    select s.name as step, f.name from dreamlit._steps as s cross join unnest(array[s.if_function, s.sql_function]) as f(name)
    where s.version_id = p_version_id and f.name is not null order by s.position
  loop
    begin
      execute format('select from %s(''{}'', ''{}'')', dreamlit._compiled(v_function.name, p_publisher));
    exception when others then
      return query select 'critical', format('step %s cannot run: %s', v_function.step, sqlerrm),
        case sqlstate when '42501' then format('give %I the right back, or publish as another role', p_publisher) else 'publish it again' end;
    end;
  end loop;
end;
$$;
comment on function dreamlit._examine_functions(bigint, name) is
  'Calls a version''s compiled functions with no items and returns what fails: rights lost, functions altered or gone.';
create or replace function dreamlit._examine_installation() returns table (name text, state text, detail text, mend text)
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_missing text;
  v_renderer text := dreamlit._renderer();
begin
  return query select 'release', 'ok', dreamlit.version(), null::text;

  -- The columns that our static statements use.
  select string_agg(format('%s.%s', q.queue, c.column_name), ', ') into v_missing
  from dreamlit._queues() as q
  cross join unnest(array['msg_id', 'read_ct', 'enqueued_at', 'last_read_at', 'vt', 'message', 'headers']) as c(column_name)
  where not exists (
    select from pg_attribute as a
    where a.attrelid = to_regclass(format('pgmq.%I', 'q_' || q.queue)) and a.attname = c.column_name and not a.attisdropped);
  return query select 'queues', case when v_missing is null then 'ok' else 'critical' end,
    coalesce('missing: ' || v_missing, 'six queues with pgmq''s columns'), 'run dreamlit install again; it makes missing queues';

  select string_agg(r.role, ', ') into v_missing
  from unnest(array['dreamlit_owner', 'dreamlit_admin', 'dreamlit_sender', 'dreamlit_reader']) as r(role)
  where to_regrole(r.role) is null;
  return query select 'roles', case when v_missing is null then 'ok' else 'critical' end, coalesce('missing: ' || v_missing, 'all four'),
    'run dreamlit install again';
  return query select 'owner', case when r.rolsuper or r.rolcanlogin then 'warning' else 'ok' end,
      case when r.rolsuper then 'dreamlit_owner is a superuser' when r.rolcanlogin then 'dreamlit_owner can log in' else 'no superuser, no login' end,
      'alter role dreamlit_owner nosuperuser nologin'
    from pg_roles as r where r.rolname = 'dreamlit_owner';

  begin
    if v_renderer = 'database' and dreamlit._render('slack', '{"text": "{{ trigger.n }}"}', '{}', '[{"trigger": {"n": 1}}]') #>> '{0,content,text}' <> '1' then
      raise exception 'the probe came back wrong';
    end if;
    return query select 'renderer', 'ok', format('the %s renders', v_renderer), null::text;
  exception when others then
    return query select 'renderer', 'critical', format('the database cannot render: %s', sqlerrm),
      'give the server''s Python Jinja2 3.1.6 or later, or: select dreamlit.set_setting(''renderer'', ''"sender"'')';
  end;

  return query select 'partitions', case when p.days < 2 then 'critical' else 'ok' end, format('%s days ahead', p.days), 'select dreamlit._ensure_partitions()'
    from (
      select count(*) as days from generate_series(1, 7) as d(day)
      where to_regclass(format('dreamlit.%I', '_messages_' || to_char((dreamlit._now() at time zone 'UTC')::date + d.day, 'YYYYMMDD'))) is not null
    ) as p;
  return query select 'autovacuum', case when current_setting('autovacuum') = 'on' then 'ok' else 'warning' end, 'autovacuum is ' || current_setting('autovacuum'),
    'set autovacuum = on: the queues live by it';
  return query select 'prepared transactions', case when count(*) > 0 then 'warning' else 'ok' end, count(*) || ' older than 10 minutes',
      'commit or roll them back: they hold snapshots and locks'
    from pg_prepared_xacts as x where x.database = current_database() and x.prepared < clock_timestamp() - interval '10 minutes';
end;
$$;
comment on function dreamlit._examine_installation() is
  'Returns the doctor''s checks of what the engine stands on: queues, roles, renderer, partitions, autovacuum.';
create or replace function dreamlit._examine_triggers(p_workflow text, p_version integer, p_publisher name, p_operations text[])
returns table (state text, detail text, mend text)
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  c_republish constant text := 'unpublish it and publish it again';
  v_operation text;
  v_trigger record;
begin
  foreach v_operation in array p_operations loop
    select t.tgenabled, t.tgrelid::regclass as watched, (t.tgtype & 1) = 1 as by_row into v_trigger
    from pg_trigger as t
    where t.tgfoid = to_regprocedure(dreamlit._trigger_function_name(p_workflow, v_operation) || '()') and t.tgparentid = 0;
    if not found then
      return query select 'critical', format('its trigger on %s is gone: events are not captured', v_operation), c_republish;
      continue;
    end if;
    if v_trigger.tgenabled not in ('O', 'A') then
      return query select 'critical', format('its trigger on %s is disabled: events are not captured', v_operation),
        format('alter table %s enable trigger %I', v_trigger.watched, format('dreamlit_%s_%s', p_workflow, v_operation));
    end if;
    if dreamlit._takes_row_trigger(v_trigger.watched, v_operation) and not v_trigger.by_row then
      return query select 'critical', format('%s has become a partition or a parent: rows written through the other table are not captured', v_trigger.watched),
        c_republish;
    end if;
    if not has_table_privilege(p_publisher, v_trigger.watched, 'TRIGGER') then
      return query select 'warning', format('%s may no longer put triggers on %s', p_publisher, v_trigger.watched),
        format('grant trigger on %s to %I, or publish it as another role', v_trigger.watched, p_publisher);
    end if;
  end loop;
  if cardinality(p_operations) > 0 and not has_function_privilege(p_publisher, 'dreamlit._enqueue(bigint, text, jsonb)', 'EXECUTE') then
    return query select 'critical', format('%s may not enqueue: writes to the table fail', p_publisher),
      format('grant execute on function dreamlit._enqueue(bigint, text, jsonb) to %I', p_publisher);
  end if;
  if dreamlit._follows_rename(p_workflow, p_version) then
    return query select 'warning', 'a captured column has been renamed: captured as before, a little slower', 'publish it with the new name';
  end if;
end;
$$;
comment on function dreamlit._examine_triggers(text, integer, name, text[]) is
  'Returns what is wrong with a workflow''s triggers; no row means nothing.';
create or replace function dreamlit._examine_workflows() returns table (name text, state text, detail text, mend text)
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_workflow record;
  v_fault record;
  v_sound boolean;
begin
  for v_workflow in
    select w.name, w.state, v.version_id, v.version, v.publisher, v.operations, v.definition
    from dreamlit._workflows as w join dreamlit._versions as v on v.version_id = w.version_id
    where w.state <> 'unpublished' order by w.name
  loop
    v_sound := true;
    for v_fault in
      select f.* from dreamlit._examine_triggers(v_workflow.name, v_workflow.version, v_workflow.publisher, v_workflow.operations) as f
      union all
      select f.* from dreamlit._examine_functions(v_workflow.version_id, v_workflow.publisher) as f
    loop
      v_sound := false;
      return query select 'workflow ' || v_workflow.name, v_fault.state, v_fault.detail, v_fault.mend;
    end loop;
    if v_sound then
      return query select 'workflow ' || v_workflow.name, 'ok', format('version %s, published by %s, %s', v_workflow.version, v_workflow.publisher, v_workflow.state), null::text;
    end if;
  end loop;
end;
$$;
comment on function dreamlit._examine_workflows() is
  'Returns the doctor''s checks of every published workflow: its triggers and its compiled functions.';
create or replace function dreamlit._finished_state(p_run_id bigint) returns text
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  v_state text;
begin
  select h.state into v_state from dreamlit._run_history as h where h.run_id = p_run_id;
  if not found then
    raise exception using errcode = 'DL002', message = format('there is no run %s', p_run_id), hint = 'look in dreamlit.runs';
  end if;
  return v_state;
end;
$$;
comment on function dreamlit._finished_state(bigint) is 'Returns the state of a finished run; raises DL002 if there is none.';
create or replace function dreamlit._follows_rename(p_workflow text, p_version integer) returns boolean
language sql stable set search_path = pg_catalog, pg_temp as $$
  select coalesce((
    select array_agg(a.attname::text order by a.attname) <> array(
      select n.attname::text from pg_attribute as n
      where n.attrelid in (
          to_regclass(dreamlit._object_name(p_workflow, p_version, 'trigger')), to_regclass(dreamlit._object_name(p_workflow, p_version, 'old')))
        and n.attnum > 0
      group by n.attname order by n.attname::text collate "C")
    from (
      select a.attname::text collate "C" as attname
      from pg_depend as d join pg_attribute as a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
      where d.classid = 'pg_proc'::regclass and d.objid = to_regprocedure(dreamlit._object_name(p_workflow, p_version, 'columns') || '()')
        and d.refclassid = 'pg_class'::regclass and d.refobjsubid > 0
    ) as a
  ), false);
$$;
comment on function dreamlit._follows_rename(text, integer) is
  'Returns whether captured columns bear other names today than at publishing (names that were only swapped do not show).';
-- The claims go on counting where they stood: a late report of an old one must not fit a new one.
create or replace function dreamlit._queue_again(p_message_ids bigint[], p_created_at timestamptz[]) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_queue record;
begin
  for v_queue in
    with again as (
      update dreamlit._messages as m set state = 'queued', attempts = 0, settled_at = null
      from unnest(p_message_ids, p_created_at) as u(message_id, created_at)
      where m.message_id = u.message_id and m.created_at = u.created_at
      returning m.message_id, m.created_at, m.workflow_id, m.channel, m.lane
    )
    select dreamlit._outbox_queue(a.channel, a.lane) as name, a.channel, jsonb_agg(to_jsonb(a)) as messages from again as a group by a.channel, a.lane
  loop
    execute format($sql$
      insert into pgmq.%I (msg_id, read_ct, vt, message) overriding system value
      select m.message_id, coalesce((select max(a.attempt) from dreamlit._attempts as a where a.message_id = m.message_id), 0),
        dreamlit._now(), jsonb_build_object('created_at', m.created_at, 'workflow_id', m.workflow_id)
      from jsonb_to_recordset($1) as m(message_id bigint, created_at timestamptz, workflow_id bigint) $sql$, 'q_' || v_queue.name)
    using v_queue.messages;
    perform pg_notify('dreamlit_outbox', v_queue.channel);
  end loop;
end;
$$;
comment on function dreamlit._queue_again(bigint[], timestamptz[]) is
  'Puts messages that are in no queue back into their lane, with their attempts counted from none.';
create or replace function dreamlit._reopen_run(p_run_id bigint) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_run record;
begin
  select r.run_id, r.failed_tasks, r.version_id, true as open into v_run from dreamlit._runs as r where r.run_id = p_run_id for update;
  if not found then
    select h.run_id, h.failed_tasks, h.version_id, false as open into v_run from dreamlit._run_history as h where h.run_id = p_run_id for update;
  end if;
  if v_run.run_id is null then
    perform dreamlit._finished_state(p_run_id);
  elsif v_run.failed_tasks = 0 then
    raise exception using errcode = 'DL003', message = format('run %s has no failed task', p_run_id),
      hint = 'only failed tasks can be retried';
  elsif not (select v.compiled from dreamlit._versions as v where v.version_id = v_run.version_id) then
    raise exception using errcode = 'DL003', message = format('the version of run %s has been retired', p_run_id),
      hint = 'start the workflow afresh: dreamlit.start(name, payload)';
  end if;
  if not v_run.open then
    with history as (
      delete from dreamlit._run_history as h where h.run_id = p_run_id returning h.*
    )
    insert into dreamlit._runs (run_id, event_id, workflow_id, version_id, key, operation, payload, occurred_at, started_at, open_tasks, done_tasks, skipped_tasks, failed_tasks)
    overriding system value
    select h.run_id, h.event_id, h.workflow_id, h.version_id, h.key, h.operation, h.payload, h.occurred_at, h.started_at, 0, h.done_tasks, h.skipped_tasks, h.failed_tasks
    from history as h;
  end if;
exception when unique_violation then
  raise exception using errcode = 'DL003', message = format('another run with the key of run %s is open', p_run_id),
    hint = 'wait for its end, or cancel it';
end;
$$;
comment on function dreamlit._reopen_run(bigint) is
  'Locks a run with failed tasks, bringing it back from the history if it has finished; raises DL002 or DL003.';
create or replace function dreamlit._setting_fault(p_name text, p_value jsonb) returns text
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
  case
    when p_name = 'batch' then
      if jsonb_typeof(p_value) <> 'number' or (p_value #>> '{}')::numeric not between 1 and 100000 or (p_value #>> '{}')::numeric % 1 <> 0 then
        return 'write a whole number from 1 to 100000';
      end if;
    when p_name = 'renderer' then
      if p_value not in ('"database"', '"sender"') or (p_value = '"database"' and to_regprocedure('dreamlit._run_python(text, jsonb)') is null) then
        return 'use "sender", or "database" where plpython3u was there at installation';
      end if;
    else
      if jsonb_typeof(p_value) <> 'string' or (p_value #>> '{}')::interval <= interval '0' then
        return 'write an interval such as "60 seconds" or "90 days"';
      end if;
  end case;
  return null;
exception when data_exception then
  return 'write an interval such as "60 seconds" or "90 days"';
end;
$$;
comment on function dreamlit._setting_fault(text, jsonb) is 'Returns what to write instead of a setting''s wrong value; null for a right one.';
create or replace function dreamlit._take_held(p_message_id bigint) returns dreamlit._uncertain_messages
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_held dreamlit._uncertain_messages;
  v_state text;
begin
  delete from dreamlit._uncertain_messages as u where u.message_id = p_message_id returning u.* into v_held;
  if found then
    return v_held;
  end if;
  select m.state into v_state from dreamlit._messages as m where m.message_id = p_message_id;
  if not found then
    raise exception using errcode = 'DL002', message = format('there is no message %s', p_message_id),
      hint = 'look in dreamlit.messages';
  end if;
  raise exception using errcode = 'DL003', message = format('message %s is %s, not held', p_message_id, v_state),
    hint = 'only messages whose state is uncertain can be released or discarded';
end;
$$;
comment on function dreamlit._take_held(bigint) is 'Takes a message out of the held ones and returns it; raises DL002 or DL003.';
-- Lock order as everywhere: outbox rows, messages, tasks, the run. Tasks that a worker holds are left to it: it meets the mark
-- when it counts them off the run; a message that it posts meanwhile is stopped when a sender claims it.
create or replace function dreamlit.cancel_run(run_id bigint) returns text
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  if not exists (select from dreamlit._runs as r where r.run_id = $1) then
    return dreamlit._finished_state($1);
  end if;
  perform dreamlit._cancel_messages(array(
    select m.message_id from dreamlit._messages as m where m.run_id = $1 and m.state in ('queued', 'uncertain') order by m.message_id));
  update dreamlit._runs as r set cancelling = true where r.run_id = $1;
  perform dreamlit._cancel_tasks(array[$1]);
  return 'cancelled';
end;
$$;
comment on function dreamlit.cancel_run(bigint) is
  'Cancels an open run: its tasks end as cancelled and its queued messages are not sent; a delivery that has begun is left to '
  'end. Returns cancelled, or the state of a run that had finished before. Raises DL002 if there is no such run.';
grant execute on function dreamlit.cancel_run(bigint) to dreamlit_admin;
create or replace function dreamlit.discard(message_id bigint, delivered boolean default false) returns text
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_held dreamlit._uncertain_messages := dreamlit._take_held($1);
  v_state constant text := case when delivered then 'sent' else 'failed' end;
  v_result dreamlit._result;
begin
  update dreamlit._messages as m set state = v_state, settled_at = dreamlit._now(), error = case when delivered then null else m.error end
  where m.message_id = v_held.message_id and m.created_at = v_held.created_at
  returning m.message_id, m.task_id, m.error ->> 'message' into v_result.message_id, v_result.task_id, v_result.error;
  v_result.verdict := v_state;
  perform dreamlit._settle_messages(array[v_result]);
  return v_state;
end;
$$;
comment on function dreamlit.discard(bigint, boolean) is
  'Settles a message that is held as uncertain without sending it again: as failed, or as sent if you know that it was '
  'delivered. Returns its state. Raises DL002, or DL003 if the message is not held.';
grant execute on function dreamlit.discard(bigint, boolean) to dreamlit_admin;
-- Not a definer: pg_cron's tables show each role its own jobs only.
create or replace function dreamlit.doctor() returns table (name text, state text, detail text, mend text)
language sql set search_path = pg_catalog, pg_temp as $$
  select * from dreamlit._examine_engine()
  union all
  select * from dreamlit._examine_cron();
$$;
comment on function dreamlit.doctor() is
  'Checks everything that can be wrong with the installation and returns a row a check: name, state (ok, warning, critical), '
  'detail, and the mend where something is wrong. Calls the compiled functions with no items; changes nothing.';
grant execute on function dreamlit.doctor() to dreamlit_admin;
create or replace function dreamlit.release(message_id bigint) returns text
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_held dreamlit._uncertain_messages := dreamlit._take_held($1);
begin
  perform dreamlit._queue_again(array[v_held.message_id], array[v_held.created_at]);
  return 'queued';
end;
$$;
comment on function dreamlit.release(bigint) is
  'Sends a message that is held as uncertain once more, on your word that it did not arrive or may arrive twice. Returns its '
  'state. Raises DL002, or DL003 if the message is not held.';
grant execute on function dreamlit.release(bigint) to dreamlit_admin;
-- Failed tasks come back from the history to where they failed. A message that failed is queued again as it was rendered: what
-- its neighbours of the same task have delivered is not sent again.
create or replace function dreamlit.retry_run(run_id bigint) returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_now constant timestamptz := dreamlit._now();
  v_tasks bigint[];
  v_messages bigint[];
  v_created_at timestamptz[];
begin
  perform dreamlit._reopen_run($1);
  with failed as (
    delete from dreamlit._task_history as h where h.run_id = $1 and h.state = 'failed'
    returning h.*
  ), messages as (
    select m.task_id, count(*)::integer as failed from dreamlit._messages as m
    where m.run_id = $1 and m.state = 'failed' group by m.task_id
  ), reopened as (
    insert into dreamlit._tasks (task_id, run_id, step_id, item, state, due_at, open_messages, started_at)
    overriding system value
    select f.task_id, f.run_id, f.step_id, f.item, case when m.failed > 0 then 'sending' else 'due' end, case when m.failed > 0 then null else v_now end,
      coalesce(m.failed, 0), f.started_at
    from failed as f left join messages as m on m.task_id = f.task_id
    returning task_id
  )
  select array_agg(r.task_id) into v_tasks from reopened as r;
  select array_agg(m.message_id), array_agg(m.created_at) into v_messages, v_created_at
  from dreamlit._messages as m where m.run_id = $1 and m.state = 'failed' and m.task_id = any (v_tasks);
  perform dreamlit._queue_again(v_messages, v_created_at);
  update dreamlit._runs as r set
    open_tasks = r.open_tasks + cardinality(v_tasks), failed_tasks = r.failed_tasks - cardinality(v_tasks), last_error = null
  where r.run_id = $1;
  return cardinality(v_tasks);
end;
$$;
comment on function dreamlit.retry_run(bigint) is
  'Resumes the failed tasks of a run where they failed, on the version it ran on, and returns how many. Raises DL002 if there '
  'is no such run, DL003 if nothing of it has failed or its version has been retired.';
grant execute on function dreamlit.retry_run(bigint) to dreamlit_admin;
create or replace function dreamlit.set_setting(name text, value jsonb) returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_hint text;
begin
  if $1 not in (select d.name from dreamlit._setting_defaults() as d) then
    raise exception using errcode = 'DL002', message = format('there is no setting %s', $1),
      hint = dreamlit._did_you_mean($1, array(select d.name from dreamlit._setting_defaults() as d));
  end if;
  v_hint := dreamlit._setting_fault($1, $2);
  if v_hint is not null then
    raise exception using errcode = 'DL001', message = format('%s is %s', $1, $2), hint = v_hint;
  end if;
  insert into dreamlit._settings as s (name, value) values ($1, $2)
  on conflict on constraint _settings_pkey do update set value = excluded.value, changed_at = now();
  return $2;
end;
$$;
comment on function dreamlit.set_setting(text, jsonb) is
  'Sets a setting of this installation and returns its value. Raises DL002 for an unknown name, DL001 for a '
  'wrong value.';
grant execute on function dreamlit.set_setting(text, jsonb) to dreamlit_admin;
create or replace function dreamlit.settings() returns table (name text, value jsonb, meaning text)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select d.name, dreamlit._setting(d.name), d.meaning from dreamlit._setting_defaults() as d order by d.name;
$$;
comment on function dreamlit.settings() is
  'Returns every setting with its value and its meaning; dreamlit.set_setting(name, value) changes one.';
grant execute on function dreamlit.settings() to dreamlit_admin, dreamlit_reader;
create or replace function dreamlit.steps(name text, version integer) returns table (step text, kind text, parent text)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  with recursive tree as (
    select s.step_id, s.name, s.kind, null::text as parent, array[s.position] as path
    from dreamlit._steps as s
    join dreamlit._versions as v on v.version_id = s.version_id
    join dreamlit._workflows as w on w.workflow_id = v.workflow_id
    where w.name = $1 and v.version = $2 and s.position = 0
    union all
    select s.step_id, s.name, s.kind, t.name, t.path || s.position
    from tree as t join dreamlit._steps as s on s.parent_step_id = t.step_id
  )
  select t.name, t.kind, t.parent from tree as t where t.parent is not null order by t.path;
$$;
comment on function dreamlit.steps(text, integer) is
  'Returns the steps of a version with their parents (trigger at the root), each branch from its top down; none for an unknown '
  'version.';
grant execute on function dreamlit.steps(text, integer) to dreamlit_admin, dreamlit_reader;
create or replace function dreamlit.triggers(name text) returns table (trigger text, enabled boolean)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select format('%s on %I.%I', o.operation, n.nspname, c.relname), t.tgenabled in ('O', 'A')
  from unnest(array['insert', 'update', 'delete']) as o(operation)
  join pg_trigger as t on t.tgfoid = to_regprocedure(dreamlit._trigger_function_name($1, o.operation) || '()')
  join pg_class as c on c.oid = t.tgrelid
  join pg_namespace as n on n.oid = c.relnamespace
  where t.tgparentid = 0
  order by 1;
$$;
comment on function dreamlit.triggers(text) is
  'Returns the triggers that a workflow has on its table (insert on public.users), and whether they fire; none for an unknown '
  'name.';
grant execute on function dreamlit.triggers(text) to dreamlit_admin, dreamlit_reader;
create or replace function dreamlit.version() returns text
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select r.release from dreamlit._releases as r order by r.installed_at desc, r.release desc limit 1;
$$;
comment on function dreamlit.version() is 'Returns the release of dreamlit-pg that is installed here.';
grant execute on function dreamlit.version() to dreamlit_admin, dreamlit_sender, dreamlit_reader;

create or replace view dreamlit.workflows as
select
  w.workflow_id,
  w.name,
  w.state,
  v.version,
  v.trigger_table as watches,
  v.operations,
  v.publisher,
  v.published_at,
  w.state_changed_at,
  (select count(*) from dreamlit._runs as r where r.workflow_id = w.workflow_id) as open_runs,
  v.definition
from dreamlit._workflows as w
join dreamlit._versions as v on v.version_id = w.version_id;
comment on view dreamlit.workflows is 'One row a workflow, with its published version.';
comment on column dreamlit.workflows.workflow_id is 'The workflow''s id.';
comment on column dreamlit.workflows.name is 'The name that the definition gives it; pause, resume, unpublish and start take it.';
comment on column dreamlit.workflows.state is
  'active, paused (events are captured, nothing moves) or unpublished (no trigger; open runs finish).';
comment on column dreamlit.workflows.version is 'The number of the published version, from 1.';
comment on column dreamlit.workflows.watches is
  'The watched table under its name as of publishing; null for a workflow that is only called.';
comment on column dreamlit.workflows.operations is 'Which changes of a row start a run: insert, update, delete.';
comment on column dreamlit.workflows.publisher is 'The role with whose rights the workflow''s SQL runs.';
comment on column dreamlit.workflows.published_at is 'When the version was published.';
comment on column dreamlit.workflows.state_changed_at is
  'When the workflow was last published anew, paused, resumed or unpublished.';
comment on column dreamlit.workflows.open_runs is 'How many runs have not finished, of all versions.';
comment on column dreamlit.workflows.definition is 'The definition as it was published, with its template files.';
create or replace view dreamlit.runs as
select
  r.run_id,
  w.name as workflow,
  v.version,
  case when r.cancelling then 'cancelled' when r.failed_tasks > 0 then 'failed' when w.state = 'paused' then 'paused' else 'running' end as state,
  r.operation || coalesce(' of ' || v.trigger_table, '') as started_by,
  r.event_id,
  r.key,
  r.occurred_at,
  r.started_at,
  null::timestamptz as finished_at,
  (
    select string_agg(s.name || case t.state when 'waiting' then ': waiting' when 'due' then case when t.attempts > 0 then ': trying again' else ': due' end else ': ' || t.state end
      || case when t.tasks > 1 then format(' (%s tasks)', t.tasks) else '' end, ', ' order by s.position)
    from (
      select o.step_id, o.state, count(*) as tasks, max(o.attempt) as attempts from dreamlit._tasks as o where o.run_id = r.run_id group by o.step_id, o.state
    ) as t join dreamlit._steps as s on s.step_id = t.step_id
  ) as doing,
  (select min(t.due_at) from dreamlit._tasks as t where t.run_id = r.run_id and t.due_at > dreamlit._now()) as waits_until,
  r.open_tasks,
  r.done_tasks,
  r.skipped_tasks,
  r.failed_tasks,
  (select jsonb_object_agg(m.state, m.messages) from (
    select m.state, count(*) as messages from dreamlit._messages as m where m.run_id = r.run_id group by m.state) as m) as messages,
  r.last_error,
  r.payload
from dreamlit._runs as r
join dreamlit._workflows as w on w.workflow_id = r.workflow_id
join dreamlit._versions as v on v.version_id = r.version_id
union all
select
  h.run_id, w.name, v.version, h.state, h.operation || coalesce(' of ' || v.trigger_table, ''), h.event_id, h.key, h.occurred_at, h.started_at, h.finished_at,
  null, null, 0, h.done_tasks, h.skipped_tasks, h.failed_tasks,
  (select jsonb_object_agg(m.state, m.messages) from (
    select m.state, count(*) as messages from dreamlit._messages as m where m.run_id = h.run_id group by m.state) as m),
  h.last_error,
  h.payload
from dreamlit._run_history as h
join dreamlit._workflows as w on w.workflow_id = h.workflow_id
join dreamlit._versions as v on v.version_id = h.version_id;
comment on view dreamlit.runs is 'One row a run, open and finished: select * from dreamlit.runs where state = ''failed''.';
comment on column dreamlit.runs.run_id is 'The run''s id; retry_run and cancel_run take it.';
comment on column dreamlit.runs.workflow is 'The workflow''s name.';
comment on column dreamlit.runs.version is 'The version that the run started with and finishes on.';
comment on column dreamlit.runs.state is
  'running, paused (its workflow is), failed (a task failed; other branches may still go on, finished_at tells), done or '
  'cancelled.';
comment on column dreamlit.runs.started_by is 'What started it: insert, update or delete of a table, or call.';
comment on column dreamlit.runs.event_id is 'The event in dreamlit.event_log.';
comment on column dreamlit.runs.key is 'The value of the trigger''s key, of which one run at most is open; null without a key.';
comment on column dreamlit.runs.occurred_at is 'When the change''s transaction began.';
comment on column dreamlit.runs.started_at is 'When the worker took the event.';
comment on column dreamlit.runs.finished_at is 'When the last task ended; null while any is open.';
comment on column dreamlit.runs.doing is 'The open tasks by step and state: nap: waiting. Null when finished.';
comment on column dreamlit.runs.waits_until is 'When the next of its waits or retries is due; null if none is.';
comment on column dreamlit.runs.open_tasks is 'Tasks that have not ended.';
comment on column dreamlit.runs.done_tasks is 'Tasks that were done.';
comment on column dreamlit.runs.skipped_tasks is 'Tasks whose condition was false or null.';
comment on column dreamlit.runs.failed_tasks is 'Tasks that failed for good; retry_run(run_id) resumes them.';
comment on column dreamlit.runs.messages is
  'How many messages are in each state: {"sent": 2, "queued": 1}; null if there is none.';
comment on column dreamlit.runs.last_error is 'The last failure: {"step", "sqlstate" or "code", "message"}.';
comment on column dreamlit.runs.payload is 'What was captured: {"trigger": {...}, "old": {...}}.';
create or replace view dreamlit.tasks as
select
  t.task_id, t.run_id, w.name as workflow, v.version, s.name as step, s.kind, t.state,
  t.attempt, t.due_at, t.started_at, null::timestamptz as finished_at, t.error, t.item
from dreamlit._tasks as t
join dreamlit._steps as s on s.step_id = t.step_id
join dreamlit._versions as v on v.version_id = s.version_id
join dreamlit._workflows as w on w.workflow_id = v.workflow_id
union all
select
  h.task_id, h.run_id, w.name, v.version, s.name, s.kind, h.state,
  h.attempt, null, h.started_at, h.finished_at, h.error, h.item
from dreamlit._task_history as h
join dreamlit._steps as s on s.step_id = h.step_id
join dreamlit._versions as v on v.version_id = s.version_id
join dreamlit._workflows as w on w.workflow_id = v.workflow_id;
comment on view dreamlit.tasks is 'One row a task, open and finished: one step for one item within a run.';
comment on column dreamlit.tasks.task_id is 'The task''s id.';
comment on column dreamlit.tasks.run_id is 'The run it belongs to.';
comment on column dreamlit.tasks.workflow is 'The workflow''s name.';
comment on column dreamlit.tasks.version is 'The run''s version.';
comment on column dreamlit.tasks.step is
  'The step''s id in the definition; trigger for an event whose condition failed at capture.';
comment on column dreamlit.tasks.kind is 'What the step does: wait, query, if, email, slack, trigger.';
comment on column dreamlit.tasks.state is
  'due, waiting, rendering (with a sender), sending (its messages are out), done, skipped (the condition said no), failed or '
  'cancelled.';
comment on column dreamlit.tasks.attempt is 'How many attempts have failed.';
comment on column dreamlit.tasks.due_at is
  'When the worker takes it; null while its messages are with the senders, and after its end.';
comment on column dreamlit.tasks.started_at is 'When it was opened.';
comment on column dreamlit.tasks.finished_at is 'When it ended; null while open.';
comment on column dreamlit.tasks.error is 'The last failure: {"step", "sqlstate" or "code", "message", "attempt"}.';
comment on column dreamlit.tasks.item is 'What the query steps above added; kept after the end for failed tasks only.';
create or replace view dreamlit.messages as
select
  m.message_id, m.run_id, m.task_id, w.name as workflow, s.name as step, m.channel, m.lane, m.recipient, m.content ->> 'subject' as subject,
  case when m.state = 'queued' and exists (
    select from dreamlit._outbox as o where o.message_id = m.message_id and o.channel = m.channel and o.lane = m.lane and o.headers ? 'started_at')
    then 'sending' else m.state end as state,
  m.attempts,
  case when m.state = 'queued' then (
    select o.ready_at from dreamlit._outbox as o where o.message_id = m.message_id and o.channel = m.channel and o.lane = m.lane and o.ready_at > dreamlit._now()) end as retry_at,
  m.error, m.provider, m.provider_id, m.created_at, m.settled_at, m.content
from dreamlit._messages as m
join dreamlit._workflows as w on w.workflow_id = m.workflow_id
join dreamlit._steps as s on s.step_id = m.step_id;
comment on view dreamlit.messages is 'One row a message: one notification to one recipient over one channel, as it was rendered.';
comment on column dreamlit.messages.message_id is
  'The message''s id, also its idempotency key with the provider and its msg_id in the outbox queue.';
comment on column dreamlit.messages.run_id is 'The run it belongs to.';
comment on column dreamlit.messages.task_id is 'The task that made it.';
comment on column dreamlit.messages.workflow is 'The workflow''s name.';
comment on column dreamlit.messages.step is 'The step''s id in the definition.';
comment on column dreamlit.messages.channel is 'email or slack.';
comment on column dreamlit.messages.lane is 'urgent or bulk; urgent ones are claimed first.';
comment on column dreamlit.messages.recipient is 'The address or the Slack channel.';
comment on column dreamlit.messages.subject is 'An email''s subject.';
comment on column dreamlit.messages.state is
  'queued, sending (a sender has begun), sent, failed, cancelled, or uncertain: a provider may have taken it; dreamlit.release '
  'or dreamlit.discard decides.';
comment on column dreamlit.messages.attempts is 'Finished attempts, without those that a configuration fault spoilt.';
comment on column dreamlit.messages.retry_at is 'When it may next be claimed, if that lies ahead.';
comment on column dreamlit.messages.error is 'What the last attempt failed with: {"fault", "code", "message"}.';
comment on column dreamlit.messages.provider is 'Who delivered it: smtp, slack, console.';
comment on column dreamlit.messages.provider_id is 'The provider''s id of the message.';
comment on column dreamlit.messages.created_at is 'When it was rendered and queued.';
comment on column dreamlit.messages.settled_at is 'When it was sent, failed or cancelled.';
comment on column dreamlit.messages.content is
  'The rendered content: to, cc, bcc, from, reply_to, subject, html, text, headers; or channel, text, blocks.';
create or replace view dreamlit.attempts as
select a.message_id, a.attempt, a.sender, a.started_at, a.finished_at, a.outcome, a.fault, a.code, a.error, a.provider, a.provider_id
from dreamlit._attempts as a
union all
select o.message_id, o.read_ct, o.headers ->> 'sender', (o.headers ->> 'started_at')::timestamptz, null, 'started', null, null, null, null, null
from dreamlit._outbox as o
where o.headers ? 'started_at';
comment on view dreamlit.attempts is 'One row a try at delivering a message, finished or under way.';
comment on column dreamlit.attempts.message_id is 'The message.';
comment on column dreamlit.attempts.attempt is
  'The number of the claim that the try belongs to; rising, with gaps where a claim was given back.';
comment on column dreamlit.attempts.sender is 'The sender process: host:pid:random.';
comment on column dreamlit.attempts.started_at is 'When the sender said that it begins; null if it failed before.';
comment on column dreamlit.attempts.finished_at is 'When the outcome was reported; null while under way.';
comment on column dreamlit.attempts.outcome is 'started, sent, failed, or unknown: the provider may have taken the message.';
comment on column dreamlit.attempts.fault is
  'Whose fault a failure is: recipient (permanent), configuration (ours), transient, unknown.';
comment on column dreamlit.attempts.code is 'The provider''s code: 550 5.1.1, channel_not_found.';
comment on column dreamlit.attempts.error is 'The provider''s words, cut at 2,000 characters.';
comment on column dreamlit.attempts.provider is 'Who was asked: smtp, slack, console.';
comment on column dreamlit.attempts.provider_id is 'The provider''s id of the message, if it took it.';
create or replace view dreamlit.event_log as
select r.event_id, w.name as workflow, v.version, r.operation, r.payload, r.key, r.occurred_at, r.started_at as taken_at, r.run_id, null::text as ignored_because
from dreamlit._runs as r join dreamlit._versions as v on v.version_id = r.version_id join dreamlit._workflows as w on w.workflow_id = r.workflow_id
union all
select h.event_id, w.name, v.version, h.operation, h.payload, h.key, h.occurred_at, h.started_at, h.run_id, null
from dreamlit._run_history as h join dreamlit._versions as v on v.version_id = h.version_id join dreamlit._workflows as w on w.workflow_id = h.workflow_id
union all
select i.event_id, w.name, v.version, i.operation, i.payload, i.key, i.occurred_at, i.ignored_at, null, i.reason
from dreamlit._ignored_events as i join dreamlit._versions as v on v.version_id = i.version_id join dreamlit._workflows as w on w.workflow_id = i.workflow_id
union all
select null, w.name, v.version, q.message ->> 'operation', case when jsonb_typeof(e.value) = 'object' then e.value - array['key', 'error'] end, e.value ->> 'key', q.enqueued_at, null, null, null
from pgmq.q_dreamlit_events as q
join dreamlit._versions as v on to_jsonb(v.version_id) = q.message -> 'version'
join dreamlit._workflows as w on w.workflow_id = v.workflow_id
cross join lateral jsonb_array_elements(case when jsonb_typeof(q.message -> 'events') = 'array' then q.message -> 'events' end) as e(value);
comment on view dreamlit.event_log is 'One row an event: waiting in the queue, or taken by a run, or ignored and why.';
comment on column dreamlit.event_log.event_id is 'The event''s id; null while it waits in the queue.';
comment on column dreamlit.event_log.workflow is 'The workflow that captured it.';
comment on column dreamlit.event_log.version is 'The version that captured it.';
comment on column dreamlit.event_log.operation is 'insert, update, delete, or call.';
comment on column dreamlit.event_log.payload is 'What was captured: {"trigger": {...}, "old": {...}}.';
comment on column dreamlit.event_log.key is 'The value of the trigger''s key.';
comment on column dreamlit.event_log.occurred_at is 'When the change''s transaction began.';
comment on column dreamlit.event_log.taken_at is 'When the worker took it; null while it waits.';
comment on column dreamlit.event_log.run_id is 'The run that it started.';
comment on column dreamlit.event_log.ignored_because is 'Why it started none; null otherwise.';
create or replace view dreamlit.health as
with queues as (
  select 'events' as name, (select count(*) from pgmq.q_dreamlit_events) as depth, (select min(q.enqueued_at) from pgmq.q_dreamlit_events as q) as oldest
  union all
  select 'render', (select count(*) from pgmq.q_dreamlit_render), (select min(q.enqueued_at) from pgmq.q_dreamlit_render as q)
  union all
  select o.channel || ' ' || o.lane, count(x.message_id), min(x.enqueued_at)
  from (values ('email', 'urgent'), ('email', 'bulk'), ('slack', 'urgent'), ('slack', 'bulk')) as o(channel, lane)
  left join dreamlit._outbox as x on x.channel = o.channel and x.lane = o.lane
  group by o.channel, o.lane
), checks as (
  select 'queue ' || q.name as name, q.depth as number, extract(epoch from dreamlit._now() - q.oldest)::numeric(12, 1) as seconds,
    case when q.oldest < dreamlit._now() - interval '5 minutes' then 'warning' else 'ok' end as state,
    format('%s waiting', q.depth) as detail
  from queues as q
  union all
  select 'worker', count(*) filter (where w.last_tick_at > clock_timestamp() - interval '30 seconds'),
    extract(epoch from clock_timestamp() - max(w.last_tick_at))::numeric(12, 1),
    case when coalesce(max(w.last_tick_at), '-infinity') < clock_timestamp() - interval '2 minutes' then 'critical'
      when max(w.last_error_at) > clock_timestamp() - interval '10 minutes' then 'warning' else 'ok' end,
    coalesce((array_agg(w.last_error ->> 'message' order by w.last_error_at desc) filter (where w.last_error_at > clock_timestamp() - interval '10 minutes'))[1],
      case when max(w.last_tick_at) is null then 'no worker has ever run: is pg_cron scheduled, or a sender running?' else 'last tick' end)
  from dreamlit._workers as w
  union all
  select 'sender', count(*) filter (where s.last_seen_at > dreamlit._now() - interval '30 seconds'), extract(epoch from dreamlit._now() - max(s.last_seen_at))::numeric(12, 1),
    case when coalesce(max(s.last_seen_at), '-infinity') < dreamlit._now() - interval '2 minutes' then 'critical' else 'ok' end,
    coalesce(string_agg(s.sender, ', ' order by s.sender) filter (where s.last_seen_at > dreamlit._now() - interval '30 seconds'), 'no sender seen lately: start one with dreamlit sender')
  from dreamlit._senders as s
  union all
  select 'overdue tasks', count(*), extract(epoch from dreamlit._now() - min(t.due_at))::numeric(12, 1),
    case when min(t.due_at) < dreamlit._now() - interval '5 minutes' then 'warning' else 'ok' end, 'due for more than 10 seconds, paused workflows left out'
  from dreamlit._tasks as t
  join dreamlit._steps as s on s.step_id = t.step_id join dreamlit._versions as v on v.version_id = s.version_id join dreamlit._workflows as w on w.workflow_id = v.workflow_id
  where t.due_at < dreamlit._now() - interval '10 seconds' and w.state <> 'paused'
  union all
  select 'uncertain messages', count(*), extract(epoch from dreamlit._now() - min(u.held_at))::numeric(12, 1), case when count(*) > 0 then 'warning' else 'ok' end,
    'held for a person: dreamlit.release(message_id) or dreamlit.discard(message_id)'
  from dreamlit._uncertain_messages as u
  union all
  select 'channel ' || c.channel, c.failures, extract(epoch from c.blocked_until - dreamlit._now())::numeric(12, 1),
    case when c.failures > 0 then 'critical' else 'warning' end, format('stopped: %s', coalesce(c.reason ->> 'message', c.reason ->> 'code'))
  from dreamlit._channels as c
  where c.blocked_until > dreamlit._now() or c.failures > 0
  union all
  select 'dead rows in ' || s.relname, s.n_dead_tup, extract(epoch from clock_timestamp() - s.last_autovacuum)::numeric(12, 1),
    case when s.n_dead_tup > 100000 and s.n_dead_tup > 5 * s.n_live_tup then 'warning' else 'ok' end, 'seconds since the last autovacuum'
  from pg_stat_user_tables as s
  where (s.schemaname = 'dreamlit' and s.relname in ('_tasks', '_runs')) or (s.schemaname = 'pgmq' and s.relname like 'q\_dreamlit\_%')
  union all
  select 'oldest snapshot', count(*), max(extract(epoch from clock_timestamp() - a.xact_start))::numeric(12, 1),
    case when min(a.xact_start) < clock_timestamp() - interval '10 minutes' then 'warning' else 'ok' end,
    coalesce((array_agg(format('pid %s, %s, %s', a.pid, a.usename, a.state) order by a.xact_start))[1], 'none') || ': dead rows newer than it cannot be removed'
  from pg_stat_activity as a
  where a.backend_xmin is not null and a.datname = current_database() and a.pid <> pg_backend_pid() and a.xact_start < clock_timestamp() - interval '1 second'
)
select c.name, c.state, c.number, c.seconds, c.detail from checks as c;
comment on view dreamlit.health is
  'One row a check: queues, worker, senders, overdue tasks, held messages, stopped channels, dead rows, old snapshots.';
comment on column dreamlit.health.name is 'What is checked.';
comment on column dreamlit.health.state is 'ok, warning or critical.';
comment on column dreamlit.health.number is 'How many: messages waiting, workers or senders alive, tasks overdue, dead rows.';
comment on column dreamlit.health.seconds is
  'The age of the oldest or the time since the last, in seconds; of a stopped channel, until it is tried again.';
comment on column dreamlit.health.detail is 'In words, with what to do where something is wrong.';
-- The whole privilege model: four roles, nothing for anybody else. EXECUTE on each function stands in the function's own file.
grant usage on schema dreamlit to dreamlit_admin, dreamlit_sender, dreamlit_reader;
grant usage, create on schema dreamlit_workflows to dreamlit_admin;
grant usage on schema dreamlit_workflows to dreamlit_reader;
grant select on dreamlit.workflows, dreamlit.runs, dreamlit.tasks, dreamlit.messages, dreamlit.attempts, dreamlit.event_log, dreamlit.health
  to dreamlit_admin, dreamlit_reader;

reset role;
-- plpython3u is an untrusted language: only a superuser can make functions in it.
-- The one function in plpython3u: the modules of python/dreamlit_pg/rendering, byte for byte, executed once a session, each
-- after those that it imports. Numbers are read as decimals, as the senders read them, so that 19.90 stays 19.90.
do $install$
begin
  if not exists (select from pg_catalog.pg_language where lanname = 'plpython3u')
    or not (select r.rolsuper from pg_catalog.pg_roles as r where r.rolname = current_user)
  then
    return;
  end if;
  execute $create$
create or replace function dreamlit._run_python(p_function text, p_arguments jsonb) returns jsonb
language plpython3u volatile set search_path = pg_catalog, pg_temp as $python$
import decimal, json, sys, types
if GD.get("dreamlit_digest") != 'bce981ed352190af':
    for name, source in {
  'dreamlit_rendering.limits': '"""How much a template may have, and the meter that counts it."""\n\nfrom __future__ import annotations\n\nfrom typing import TypeVar\n\nfrom jinja2.exceptions import TemplateRuntimeError\n\nITEM_SECONDS = 1.0  # CPU time for one item\nCOMPILE_SECONDS = 5.0  # CPU time for compiling all templates of a step\nMAX_TEXT = 1 << 20  # characters of any one string, bytes of any one field\nMAX_SUBJECT = 998  # bytes, RFC 5322\nMAX_ITEMS = 100_000  # members of any one list, steps of any one range\nMAX_DEPTH = 50  # nesting of a value that is printed or compared\nMAX_PRODUCED = 32 << 20  # characters that the expressions of one item may produce in all\nMAX_BITS = 4096  # of an integer\nMAX_WIDTH = 1000  # padding and precision\nMAX_SOURCE = 1 << 20  # characters of one template\nCACHED_MESSAGES = 128\n\nValue = TypeVar("Value")\n\n\nclass LimitError(TemplateRuntimeError):\n    """A template asked for more than it may have."""\n\n\nclass Meter:\n    """Counts the characters that expressions produce for one item."""\n\n    def __init__(self) -> None:\n        self._produced = 0\n\n    def reset(self) -> None:\n        self._produced = 0\n\n    def spend(self, size: int) -> None:\n        self._produced += size\n        if self._produced > MAX_PRODUCED:\n            raise LimitError(f"the template produces more than {MAX_PRODUCED} characters in its expressions")\n\n    def charge(self, size: int) -> None:\n        """Spend what one text takes."""\n        if size > MAX_TEXT:\n            raise LimitError(f"a text of {size} characters is too large: the limit is {MAX_TEXT}")\n        self.spend(size)\n\n    def charged(self, value: Value) -> Value:\n        """The value, once it has been paid for."""\n        if isinstance(value, str):\n            self.charge(len(value))\n        elif isinstance(value, (list, tuple)):\n            check_count(len(value))\n            self.spend(50 * len(value))\n        return value\n\n\nMETER = Meter()  # one is enough: batches are locked\n\n\ndef check_count(count: int) -> None:\n    if count > MAX_ITEMS:\n        raise LimitError(f"a list of {count} is too long: the limit is {MAX_ITEMS}")\n',
  'dreamlit_rendering.watch': '"""CPU time: an item that never ends is stopped."""\n\nfrom __future__ import annotations\n\nimport signal\nimport threading\nfrom typing import Any\n\nTICK = 0.05\nLOCK = threading.Lock()  # the timer, the meter and the cache are the process\'s own: one batch at a time\n\n\nclass DeadlineError(BaseException):\n    """Time is up. Not an Exception, so that no handler in between can swallow it."""\n\n\nclass Watch:\n    """Stops an item that uses too much CPU time, at no cost for the others.\n\n    A timer ticks every 50 ms of CPU time for the whole batch; only its handler looks whether the item is\n    still the one of the ticks before. It ticks on, so an exception lost in a destructor is raised again.\n    """\n\n    def __init__(self, seconds: float) -> None:\n        self.item = 0\n        self.seconds = seconds\n        self._seen = -1\n        self._spent = 0.0\n        self._active = False\n        self._previous: Any = None\n        self._timer = 0.0, 0.0\n\n    def __enter__(self) -> Watch:\n        # Signals reach the main thread only; elsewhere the size limits alone apply.\n        if threading.current_thread() is threading.main_thread():\n            self._previous = signal.signal(signal.SIGVTALRM, self._on_tick)\n            self._active = True\n            self._timer = signal.setitimer(signal.ITIMER_VIRTUAL, TICK, TICK)\n        return self\n\n    def __exit__(self, *_: object) -> None:\n        if not self._active:\n            return\n        self._active = False\n        signal.setitimer(signal.ITIMER_VIRTUAL, *self._timer)\n        # A last tick may still be under way, and the default action would end the process.\n        default = self._previous in (signal.SIG_DFL, None)\n        signal.signal(signal.SIGVTALRM, signal.SIG_IGN if default else self._previous)\n\n    def punish(self) -> None:\n        """Halve what later items get, so that a template that never ends cannot hold a batch for long."""\n        self.seconds = max(self.seconds / 2, 2 * TICK)\n\n    def _on_tick(self, *_: object) -> None:\n        if not self._active:\n            return\n        if self.item != self._seen:\n            self._seen, self._spent = self.item, 0.0\n            return\n        self._spent += TICK\n        if self._spent >= self.seconds:\n            # Once more after a second, should this one get lost; not sooner, as freeing what the item held\n            # takes time.\n            self._spent = self.seconds - 1\n            raise DeadlineError\n',
  'dreamlit_rendering.compiler': '"""Compiles what the sandbox does not intercept into calls that keep limits and name what is missing."""\n\nfrom __future__ import annotations\n\nfrom typing import Any\n\nfrom jinja2 import nodes\nfrom jinja2.compiler import CodeGenerator, Frame\n\n\nclass Generator(CodeGenerator):\n    # ruff: noqa: N802 -- Jinja2 looks the visitors up by the names of its nodes\n\n    def _output_child_to_const(self, node: nodes.Expr, frame: Frame, finalize: Any) -> str:\n        # Jinja2 escapes a constant before it finalizes it, which prints null as None: leave it to run time.\n        if not isinstance(node, nodes.TemplateData):\n            raise nodes.Impossible\n        return super()._output_child_to_const(node, frame, finalize)\n\n    def visit_Concat(self, node: nodes.Concat, frame: Frame) -> None:\n        self.write("environment.join_parts(")\n        self._visit_tuple(node.nodes, frame)\n        self.write(", context.eval_ctx.autoescape)")\n\n    def visit_Compare(self, node: nodes.Compare, frame: Frame) -> None:\n        self.write("environment.compare(")\n        self.visit(node.expr, frame)\n        for operand in node.ops:\n            self.write(f", {operand.op!r}, ")\n            self.visit(operand.expr, frame)\n        self.write(")")\n\n    def visit_Dict(self, node: nodes.Dict, frame: Frame) -> None:\n        self.write("environment.mapping((")\n        for pair in node.items:\n            self._visit_tuple([pair.key, pair.value], frame)\n            self.write(", ")\n        self.write("))")\n\n    def visit_Getattr(self, node: nodes.Getattr, frame: Frame) -> None:\n        self.write("environment.getattr(")\n        self.visit(node.node, frame)\n        self.write(f", {node.attr!r}, {_dotted(node)!r})")\n\n    def visit_Getitem(self, node: nodes.Getitem, frame: Frame) -> None:\n        self.write("environment.getitem(")\n        self.visit(node.node, frame)\n        self.write(", ")\n        if isinstance(node.arg, nodes.Slice):\n            self.write("slice(*")\n            self._visit_tuple([node.arg.start, node.arg.stop, node.arg.step], frame)\n            self.write(")")\n        else:\n            self.visit(node.arg, frame)\n        self.write(f", {_dotted(node)!r})")\n\n    def _visit_tuple(self, parts: list[Any], frame: Frame) -> None:\n        self.write("(")\n        for part in parts:\n            if part is None:\n                self.write("None")\n            else:\n                self.visit(part, frame)\n            self.write(", ")\n        self.write(")")\n\n\ndef chain(node: nodes.Node) -> list[Any] | None:\n    """``trigger.address[\'city\']`` as ["trigger", "address", "city"]; None if it starts at no name."""\n    path: list[Any] = []\n    while not isinstance(node, nodes.Name):\n        if isinstance(node, nodes.Getattr):\n            path.append(node.attr)\n        elif isinstance(node, nodes.Getitem) and _is_key(node.arg):\n            path.append(node.arg.value)  # type: ignore[attr-defined]\n        else:\n            return None\n        node = node.node\n    return [node.name, *reversed(path)]\n\n\ndef _is_key(node: nodes.Node) -> bool:\n    return isinstance(node, nodes.Const) and type(node.value) in (str, int)\n\n\ndef _dotted(node: nodes.Node) -> str | None:\n    path = chain(node)\n    if path is None:\n        return None\n    return str(path[0]) + "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path[1:])\n',
  'dreamlit_rendering.scopes': '"""The names that parts of a template set."""\n\nfrom __future__ import annotations\n\nfrom jinja2 import nodes\n\n\ndef stored(target: nodes.Node) -> set[str]:\n    """The names that an assignment to this target sets."""\n    found = [target] if isinstance(target, nodes.Name) else target.find_all(nodes.Name)\n    return {name.name for name in found}\n\n\ndef imported(node: nodes.FromImport) -> set[str]:\n    return {name if isinstance(name, str) else name[1] for name in node.names}\n\n\ndef assigned(node: nodes.Node) -> set[str]:\n    """The names that a statement sets."""\n    if isinstance(node, (nodes.Assign, nodes.AssignBlock)):\n        return stored(node.target)\n    if isinstance(node, nodes.Macro):\n        return {node.name}\n    if isinstance(node, nodes.Import):\n        return {node.target}\n    if isinstance(node, nodes.FromImport):\n        return imported(node)\n    return set()\n\n\ndef calls_super(block: nodes.Block) -> bool:\n    return any(name.name == "super" for name in block.find_all(nodes.Name))\n',
  'dreamlit_rendering.faults': '"""What went wrong, as it goes into a result."""\n\nfrom __future__ import annotations\n\nfrom typing import Any\n\nfrom jinja2 import TemplateNotFound, TemplateSyntaxError\n\nfrom .limits import LimitError\n\nMAX_MESSAGE = 500  # characters\n\n\nclass RefusedError(Exception):\n    """A field whose text cannot be sent."""\n\n    def __init__(self, code: str, message: str) -> None:\n        super().__init__(message)\n        self.code = code\n\n\nclass FaultError(Exception):\n    """An error of one field, as it goes into the result."""\n\n    def __init__(\n        self, field: str | None, code: str, message: str, file: str | None = None, line: int | None = None\n    ) -> None:\n        # The database must be able to keep what a template wrote into a message.\n        message = message.replace("\\0", "\\ufffd").encode("utf-8", "replace").decode("utf-8")[:MAX_MESSAGE]\n        super().__init__(message)\n        shown = None if file is None or file.startswith("<") else file\n        self.error = {"code": code, "message": message, "field": field, "file": shown, "line": line}\n\n\ndef fault_of(field: str | None, exc: Exception) -> FaultError:\n    """Any exception as the fault of a field."""\n    if isinstance(exc, FaultError):\n        return exc\n    if isinstance(exc, RefusedError):\n        return FaultError(field, exc.code, str(exc))\n    if isinstance(exc, TemplateSyntaxError):\n        return FaultError(field, "template", exc.message or "syntax error", exc.name, exc.lineno)\n    return FaultError(field, *_told(exc), *_position(exc))\n\n\ndef _told(exc: Exception) -> tuple[str, str]:\n    """Code and message."""\n    if isinstance(exc, RecursionError) or (isinstance(exc, SyntaxError) and "nested" in str(exc)):\n        return "limit", "the template nests too deeply"\n    if isinstance(exc, (LimitError, MemoryError)):\n        return "limit", str(exc) or "the template needs too much memory"\n    if isinstance(exc, TemplateNotFound):\n        return "template", f"there is no template file {exc.name!r}"\n    return "template", str(exc) or type(exc).__name__\n\n\ndef _position(exc: Exception) -> tuple[str | None, int | None]:\n    """Template and line of the innermost frame of the traceback that is a template\'s."""\n    found: tuple[Any, Any] = (None, None)\n    trace = exc.__traceback__\n    while trace is not None:\n        template = trace.tb_frame.f_globals.get("__jinja_template__")\n        if template is not None:\n            found = template.name, template.get_corresponding_lineno(trace.tb_lineno)\n        trace = trace.tb_next\n    return found\n',
  'dreamlit_rendering.values': '"""The values of expressions: weighed, printed, settled."""\n\nfrom __future__ import annotations\n\nimport itertools\nfrom collections.abc import ItemsView, Iterator, KeysView, ValuesView\nfrom decimal import Decimal\nfrom typing import Any\n\nfrom jinja2 import Undefined\nfrom markupsafe import Markup\n\nfrom .limits import MAX_DEPTH, MAX_ITEMS, MAX_TEXT, LimitError, check_count\n\nSCALARS = frozenset({str, Markup, int, float, bool, type(None), Decimal})\n_SEQUENCES = (list, tuple, KeysView, ValuesView, ItemsView)\n\n\ndef weigh(value: Any) -> int:\n    """The characters in a value, walked in Python, so that C code never runs on a value that explodes.\n\n    Comparing, hashing or printing nested values runs in C without looking at signals, may double at each\n    level and, for hashes, has no guard against a stack overflow.\n    """\n    if type(value) in SCALARS:\n        return len(value) if isinstance(value, str) else 0\n    level, size, count, depth = [value], 0, 0, 0\n    while level:\n        below: list[Any] = []\n        for member in level:\n            if isinstance(member, str):\n                size += len(member)\n            elif depth and isinstance(member, Undefined):\n                str(member)  # raises what is undefined: inside a list it would be printed as "Undefined"\n            elif type(member) not in SCALARS:\n                inner = _members(member)\n                count += len(inner)\n                if count <= MAX_ITEMS:\n                    below.extend(inner)\n        depth += 1\n        if count > MAX_ITEMS or depth > MAX_DEPTH or size > 4 * MAX_TEXT:\n            raise LimitError("a value is too large or nested too deeply to be printed or compared")\n        level = below\n    return size\n\n\ndef _members(value: Any) -> Any:\n    if isinstance(value, dict):\n        return [*value.keys(), *value.values()]\n    if isinstance(value, _SEQUENCES):\n        return value\n    if isinstance(value, (range, Undefined)):\n        return ()\n    raise TypeError(f"a {kind(value)} is not a value")\n\n\ndef kind(value: Any) -> str:\n    """What a template\'s author calls the type of a value."""\n    name = type(value).__name__\n    names = {"builtin_function_or_method": "method", "Markup": "str", "NoneType": "null"}\n    return names.get(name, name)\n\n\ndef text(value: Any) -> str:\n    """A value as text: null is empty, functions and the like are errors."""\n    if isinstance(value, str):\n        return value\n    if value is None:\n        return ""\n    if type(value) in SCALARS or isinstance(value, Undefined):\n        return str(value)\n    if isinstance(value, Iterator):\n        raise TypeError("a sequence cannot be printed as it is: add |list or |join")\n    if callable(value):\n        raise TypeError("a function cannot be printed: call it with ()")\n    weigh(value)\n    return str(value)\n\n\ndef settled(value: Any) -> Any:\n    """An iterator as a list, anything else as it is; weighed."""\n    if isinstance(value, Iterator):\n        value = list(itertools.islice(value, MAX_ITEMS + 1))\n        check_count(len(value))\n    weigh(value)\n    return value\n',
  'dreamlit_rendering.lines': '"""Texts that PostgreSQL can keep and that a header can carry."""\n\nfrom __future__ import annotations\n\nimport re\n\nfrom .faults import RefusedError\nfrom .limits import MAX_TEXT, LimitError\n\n_CONTROL = re.compile("[\\x00-\\x08\\x0a-\\x1f\\x7f\\x85\\u2028\\u2029]")\n_NAMES = {"\\r": "a carriage return", "\\n": "a line break", "\\0": "a NUL"}\n_OUTER = " \\t\\r\\n"\n\n\ndef one_line(text: str, what: str) -> str:\n    """The text without the space around it; raises RefusedError where a header could be split."""\n    text = text.strip(_OUTER)\n    found = _CONTROL.search(text)\n    if found is not None:\n        raise RefusedError("header", f"{what} contains {_NAMES.get(found.group(), \'a control character\')}")\n    return storable(text, what)\n\n\ndef storable(text: str, what: str) -> str:\n    """The text: no NUL, no lone surrogates, not too many bytes."""\n    if "\\0" in text:\n        raise RefusedError("template", f"{what} contains a NUL")\n    check_size(text, what, MAX_TEXT)\n    return str(text)\n\n\ndef check_size(text: str, what: str, limit: int) -> None:\n    """Raise unless the text fits in so many bytes of UTF-8."""\n    try:\n        size = len(text) if text.isascii() else len(text.encode("utf-8"))\n    except UnicodeEncodeError:\n        raise RefusedError("template", f"{what} contains half a surrogate pair") from None\n    if size > limit:\n        raise LimitError(f"{what} has {size} bytes: the limit is {limit}")\n',
  'dreamlit_rendering.operators': '"""The operators of expressions, within limits."""\n\nfrom __future__ import annotations\n\nimport operator\nimport re\nfrom collections.abc import Callable\nfrom decimal import Decimal\nfrom typing import Any\n\nfrom .limits import MAX_BITS, MAX_TEXT, MAX_WIDTH, METER, LimitError, check_count\nfrom .values import SCALARS, settled, weigh\n\n_WIDE = re.compile(r"%(?:\\([^)]*\\))?[-#0 +]*(?:\\*|[0-9]{4,}|[0-9]*\\.(?:\\*|[0-9]{4,}))|%\\([^)]*\\(")\n\n\ndef binary(name: str, left: Any, right: Any) -> Any:\n    """The result of an arithmetic operator. A decimal meets a float as a decimal: a price times 1.2 works."""\n    if isinstance(left, Decimal) and isinstance(right, float):\n        right = Decimal(repr(right))\n    elif isinstance(right, Decimal) and isinstance(left, float):\n        left = Decimal(repr(left))\n    return BINARY[name](left, right)\n\n\ndef compare(first: Any, *rest: Any) -> bool:\n    """The result of a chain ``first, operator, value, operator, value ...``."""\n    left = first if type(first) in SCALARS else settled(first)\n    for name, value in zip(rest[::2], rest[1::2], strict=True):\n        right = value if type(value) in SCALARS else settled(value)\n        if not _COMPARISONS[name](left, right):\n            return False\n        left = right\n    return True\n\n\ndef percent(left: Any, right: Any) -> Any:\n    """A remainder, or a text formatted as by ``\'%s\' % value``."""\n    if not isinstance(left, str):\n        return operator.mod(left, right)\n    if _WIDE.search(left):\n        raise LimitError(f"a format\'s width is limited to {MAX_WIDTH - 1} and stands in the format")\n    check_format(left, left.count("%"), right)\n    return METER.charged(operator.mod(left, right))\n\n\ndef check_format(form: str, markers: int, values: Any) -> None:\n    """Raise where a format could give far too large a text, each marker giving all the values."""\n    if len(form) + markers * (MAX_WIDTH + weigh(values)) > 16 * MAX_TEXT:\n        raise LimitError("a format gives too large a text")\n\n\ndef _add(left: Any, right: Any) -> Any:\n    if isinstance(left, str) and isinstance(right, str):\n        METER.charge(len(left) + len(right))\n    elif isinstance(left, (list, tuple)) and isinstance(right, (list, tuple)):\n        _charge_list(len(left) + len(right))\n    return operator.add(left, right)\n\n\ndef _multiply(left: Any, right: Any) -> Any:\n    for sequence, times in ((left, right), (right, left)):\n        if isinstance(times, int) and isinstance(sequence, str):\n            METER.charge(len(sequence) * max(times, 0))\n        elif isinstance(times, int) and isinstance(sequence, (list, tuple)):\n            _charge_list(len(sequence) * max(times, 0))\n    if isinstance(left, int) and isinstance(right, int):\n        _check_bits(left.bit_length() + right.bit_length())\n    return operator.mul(left, right)\n\n\ndef _power(left: Any, right: Any) -> Any:\n    if isinstance(left, int) and isinstance(right, int):\n        _check_bits(left.bit_length() * abs(right))\n    return operator.pow(left, right)\n\n\ndef _charge_list(count: int) -> None:\n    check_count(count)\n    METER.spend(8 * count)\n\n\ndef _check_bits(bits: int) -> None:\n    if bits > MAX_BITS:\n        raise LimitError("a number is too large")\n\n\nBINARY: dict[str, Callable[[Any, Any], Any]] = {\n    "+": _add,\n    "-": operator.sub,\n    "*": _multiply,\n    "/": operator.truediv,\n    "//": operator.floordiv,\n    "%": percent,\n    "**": _power,\n}\n_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {\n    "eq": operator.eq,\n    "ne": operator.ne,\n    "lt": operator.lt,\n    "lteq": operator.le,\n    "gt": operator.gt,\n    "gteq": operator.ge,\n    "in": lambda left, right: left in right,\n    "notin": lambda left, right: left not in right,\n}\n',
  'dreamlit_rendering.addresses': '"""Lists of addresses, in which only the author\'s commas, quotes and brackets count."""\n\nfrom __future__ import annotations\n\nimport re\n\nfrom .faults import RefusedError\nfrom .lines import one_line\n\n# The characters that shape a list travel as private-use characters where they are the data\'s, until the list\n# has been taken apart.\n_SHAPING = \',;<>"\\\\()[]:\\r\\n\'\n_VEILED = {ord(character): 0xF8E0 + index for index, character in enumerate(_SHAPING)}\n_UNVEILED = {veiled: character for character, veiled in zip(_SHAPING, _VEILED.values(), strict=True)}\n_HAS_SHAPING = re.compile(r\'[,;<>"\\\\()\\[\\]:\\r\\n]\')\n\n_ATOM = r"[^\\s@<>()\\[\\],;:\\\\\\".\\x00-\\x20\\x7f]+"\n_LABEL = r"[^\\W_](?:[\\w-]{0,61}[^\\W_])?"\n_MAILBOX = re.compile(\n    rf"(?P<local>{_ATOM}(?:\\.{_ATOM})*|\\"(?:[^\\"\\\\\\r\\n]|\\\\.)*\\")@"\n    rf"(?P<domain>{_LABEL}(?:\\.{_LABEL})*\\.?|\\[[0-9A-Fa-f.:IPvb]+\\])"\n)\n_SIMPLE = re.compile(\n    r"[A-Za-z0-9_+-]{1,64}(?:\\.[A-Za-z0-9_+-]{1,20}){0,3}@(?:[A-Za-z0-9]{1,20}[.-]){0,6}[A-Za-z0-9]{1,20}"\n)\n_PIECES = re.compile(r\'"(?:[^"\\\\]|\\\\.)*"|\\\\.|<[^<>]*>|[^"\\\\<>,]+|.\', re.DOTALL)\n_NEEDS_QUOTES = re.compile(r"[^\\w !#$%&\'*+/=?^`{|}~-]")\n\n\ndef veil(text: str) -> str:\n    """Text of the data, unable to shape a list."""\n    return str(text).translate(_VEILED) if _HAS_SHAPING.search(text) else text\n\n\ndef addresses(text: str) -> list[str]:\n    """The addresses of a list, each as ``a@b`` or ``Name <a@b>``; raises RefusedError."""\n    if _SIMPLE.fullmatch(text):\n        return [text]\n    # The author\'s line breaks only fold a long list; those of the data are still veiled, and refused below.\n    text = one_line(text.replace("\\r", " ").replace("\\n", " "), "the address")\n    found = []\n    for shape in _split(text):\n        if "<" in shape:\n            found.append(_named(shape))\n            continue\n        plain = _unveiled(shape)\n        # No shape of the author\'s: the data may be a whole list, or one address with its name.\n        found.extend(_named(part) if "<" in part else _bare(part) for part in _split(plain))\n    return found\n\n\ndef _unveiled(text: str, what: str = "the address") -> str:\n    return one_line(text.translate(_UNVEILED), what)\n\n\ndef _split(text: str) -> list[str]:\n    parts = [""]\n    for piece in _PIECES.findall(text):\n        if piece == ",":\n            parts.append("")\n        else:\n            parts[-1] += piece\n    return [part.strip() for part in parts if part.strip()]\n\n\ndef _named(shape: str) -> str:\n    name, rest = _outside_quotes(shape)\n    mailbox, closing, trailing = rest.partition(">")\n    if not closing or trailing.strip():\n        raise RefusedError("address", f"not an address: {shape.translate(_UNVEILED)!r}")\n    address = _bare(_unveiled(mailbox))\n    name = name.strip()\n    if len(name) > 1 and name.startswith(\'"\') and name.endswith(\'"\'):\n        name = re.sub(r"\\\\(.)", r"\\1", name[1:-1])\n    name = " ".join(_unveiled(name, "the name").split())\n    if not name:\n        return address\n    if _NEEDS_QUOTES.search(name):\n        name = \'"\' + name.replace("\\\\", "\\\\\\\\").replace(\'"\', \'\\\\"\') + \'"\'\n    return f"{name} <{address}>"\n\n\ndef _outside_quotes(shape: str) -> tuple[str, str]:\n    """What stands before and after the first ``<`` that is not in quotes."""\n    before = ""\n    for piece in _PIECES.findall(shape):\n        if piece.startswith("<"):\n            return before, shape[len(before) + 1 :]\n        before += piece\n    return before, ""\n\n\ndef _bare(text: str) -> str:\n    found = _MAILBOX.fullmatch(text)\n    if found is None or len(found["local"].encode()) > 64 or len(text.encode()) > 254:\n        raise RefusedError("address", f"not an address: {text[:100]!r}")\n    return text\n',
  'dreamlit_rendering.methods': '"""The attributes and methods of values that a template may use, within limits."""\n\nfrom __future__ import annotations\n\nimport itertools\nimport re\nfrom collections.abc import Callable\nfrom typing import Any\n\nfrom jinja2.filters import _GroupTuple\nfrom jinja2.runtime import BlockReference, LoopContext, Macro\nfrom jinja2.sandbox import SandboxedEnvironment, SandboxedFormatter\nfrom markupsafe import EscapeFormatter, Markup, escape\n\nfrom .limits import MAX_WIDTH, METER, LimitError\nfrom .operators import check_format\nfrom .values import settled, text, weigh\n\n\ndef names(listed: str) -> frozenset[str]:\n    return frozenset(listed.split())\n\n\n_TEXT = names(\n    "capitalize casefold center count endswith expandtabs find format format_map index isalnum isalpha "\n    "isascii isdecimal isdigit islower isnumeric isspace istitle isupper join ljust lower lstrip partition "\n    "removeprefix removesuffix replace rjust rstrip split splitlines startswith strip swapcase title upper "\n    "zfill"\n)\n_LOOP = names(\n    "index index0 revindex revindex0 first last length depth depth0 previtem nextitem cycle changed"\n)\nATTRIBUTES: dict[type, frozenset[str]] = {\n    str: _TEXT,\n    Markup: _TEXT | {"striptags", "unescape"},\n    dict: names("get items keys values"),\n    list: names("index count"),\n    tuple: names("index count"),\n    float: names("is_integer"),\n    LoopContext: _LOOP,\n    Macro: names("name arguments"),\n    BlockReference: names("super"),\n    _GroupTuple: names("grouper list"),\n}\n_LISTED = frozenset({"items", "keys", "values"})\n_PADDING = frozenset({"center", "ljust", "rjust", "zfill", "expandtabs"})\n\n\ndef call_method(\n    environment: SandboxedEnvironment, method: Any, args: tuple[Any, ...], kwargs: dict[str, Any]\n) -> Any:\n    """The result of a method of a value."""\n    owner, name = method.__self__, method.__name__\n    if isinstance(owner, str):\n        if name in ("format", "format_map"):\n            values = (args, kwargs) if name == "format" else ((), *args)\n            return _formatted(environment, owner, *values)\n        special = _TEXT_CALLS.get(name)\n        if special is not None:\n            return METER.charged(special(owner, *args, **kwargs))\n        return METER.charged(_called(method, name, args, kwargs))\n    weigh(list(args))\n    weigh(kwargs)\n    if isinstance(owner, (list, tuple)):\n        weigh(owner)\n    answer = method(*args, **kwargs)\n    return list(answer) if isinstance(owner, dict) and name in _LISTED else answer\n\n\ndef _called(method: Any, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:\n    for argument in itertools.chain(args, kwargs.values()):\n        if isinstance(argument, str) and len(argument) > MAX_WIDTH:\n            raise LimitError(f"an argument of .{name}() is limited to {MAX_WIDTH} characters")\n        if name in _PADDING and isinstance(argument, int) and argument > MAX_WIDTH:\n            raise LimitError(f".{name}() is limited to {MAX_WIDTH} characters")\n    if name == "expandtabs":\n        METER.charge(len(method.__self__) + method.__self__.count("\\t") * MAX_WIDTH)\n    return method(*args, **kwargs)\n\n\ndef joined(separator: str, values: Any) -> str:\n    """The texts of the values, with the separator between them."""\n    parts = [text(value) for value in settled(values)]\n    METER.charge(sum(map(len, parts)) + len(separator) * len(parts))\n    return separator.join(parts)\n\n\ndef replaced(owner: str, old: str, new: str, count: int = -1) -> str:\n    METER.charge(len(owner) + owner.count(old) * max(len(new) - len(old), 0))\n    return owner.replace(old, new, count)\n\n\n_TEXT_CALLS: dict[str, Callable[..., str]] = {"join": joined, "replace": replaced}\n\n\nclass _Formatter(SandboxedFormatter):\n    def format_field(self, value: Any, format_spec: str) -> Any:\n        if re.search("[0-9]{4,}", format_spec):\n            raise LimitError(f"a format\'s width is limited to {MAX_WIDTH - 1}")\n        return super().format_field(value, format_spec)\n\n\nclass _MarkupFormatter(_Formatter, EscapeFormatter):\n    pass\n\n\ndef _formatted(environment: SandboxedEnvironment, form: str, args: tuple[Any, ...], kwargs: Any) -> str:\n    check_format(form, form.count("{"), [*args, *kwargs.values()])\n    if isinstance(form, Markup):\n        shown = _MarkupFormatter(environment, escape=escape).vformat(form, args, kwargs)\n        return METER.charged(Markup(shown))  # noqa: S704 - its values are escaped\n    return METER.charged(_Formatter(environment).vformat(form, args, kwargs))\n',
  'dreamlit_rendering.filters': '"""The filters and tests that a template may use, each within limits."""\n\nfrom __future__ import annotations\n\nimport functools\nimport itertools\nimport math\nfrom collections.abc import Callable, Iterable\nfrom decimal import Decimal\nfrom typing import Any, cast\n\nfrom jinja2 import Undefined\nfrom jinja2.filters import FILTERS as BUILTIN\nfrom jinja2.filters import do_indent, make_attrgetter\nfrom jinja2.tests import TESTS as BUILTIN_TESTS\nfrom jinja2.utils import htmlsafe_json_dumps, pass_environment, pass_eval_context\nfrom markupsafe import Markup, escape\n\nfrom .limits import MAX_WIDTH, METER, LimitError\nfrom .methods import joined, names, replaced\nfrom .operators import binary, percent\nfrom .values import kind, settled, text\n\nFilter = Callable[..., Any]\n\n\ndef _guarded(function: Filter) -> Filter:\n    """The filter, its arguments weighed before and its result charged after."""\n    hidden = 1 if hasattr(function, "jinja_pass_arg") else 0\n\n    @functools.wraps(function)\n    def guarded(*args: Any, **kwargs: Any) -> Any:\n        values = [*args[:hidden], *map(settled, args[hidden:])]\n        return METER.charged(function(*values, **{key: settled(value) for key, value in kwargs.items()}))\n\n    return guarded\n\n\ndef _capped(function: Filter, limit: int) -> Filter:\n    """The filter, with its numbers (a width, a count, a precision) kept to a limit."""\n\n    @functools.wraps(function)\n    def capped(*args: Any, **kwargs: Any) -> Any:\n        for argument in itertools.chain(args[1:], kwargs.values()):\n            if isinstance(argument, (int, float)) and abs(argument) > limit:\n                raise LimitError(f"a filter\'s number is limited to {limit}")\n        return METER.charged(function(*args, **kwargs))\n\n    return capped\n\n\ndef _on_text(function: Filter) -> Filter:\n    """The filter on the text of its first argument: null is empty here too."""\n\n    @functools.wraps(function)\n    def on_text(value: Any, *args: Any, **kwargs: Any) -> Any:\n        return METER.charged(function(text(value), *args, **kwargs))\n\n    return on_text\n\n\ndef _default(value: Any, default_value: Any = "", boolean: bool = False) -> Any:\n    """SQL\'s null is a missing value too."""\n    if isinstance(value, Undefined) or value is None or (boolean and not value):\n        return default_value\n    return value\n\n\n@pass_eval_context\ndef _join(eval_ctx: Any, value: Any, d: Any = "", attribute: Any = None) -> str:\n    members = settled(value)\n    if attribute is not None:\n        members = map(make_attrgetter(eval_ctx.environment, attribute), members)\n    parts, separator = [text(member) for member in members], text(d)\n    if eval_ctx.autoescape and any(isinstance(part, Markup) for part in (separator, *parts)):\n        return METER.charged(joined(escape(separator), map(escape, parts)))\n    return joined(str(separator), parts)\n\n\n@pass_eval_context\ndef _replace(eval_ctx: Any, s: Any, old: Any, new: Any, count: int | None = None) -> str:\n    value, old, new = text(s), text(old), text(new)\n    if eval_ctx.autoescape and isinstance(value, Markup):\n        old, new = escape(old), escape(new)\n    return replaced(value, old, new, -1 if count is None else count)\n\n\n@pass_environment\ndef _sum(environment: Any, iterable: Iterable[Any], attribute: Any = None, start: Any = 0) -> Any:\n    if attribute is not None:\n        iterable = map(make_attrgetter(environment, attribute), iterable)\n    return functools.reduce(functools.partial(binary, "+"), iterable, start)\n\n\ndef _round(value: Any, precision: int = 0, method: str = "common") -> Any:\n    if method == "common":\n        return round(value, precision)\n    if method not in ("ceil", "floor"):\n        raise TypeError("|round takes common, ceil or floor")\n    scale = 10**precision\n    rounded = getattr(math, method)(value * scale)\n    return Decimal(rounded) / scale if isinstance(value, Decimal) else rounded / scale\n\n\ndef _indent(value: str, width: Any = 4, first: bool = False, blank: bool = False) -> Any:\n    padding = width if isinstance(width, str) else " " * width\n    if len(padding) > MAX_WIDTH:\n        raise LimitError(f"|indent is limited to {MAX_WIDTH} characters")\n    METER.charge(len(value) + (value.count("\\n") + 1) * len(padding))\n    return do_indent(value, padding, first, blank)\n\n\ndef _format(value: Any, *args: Any, **kwargs: Any) -> Any:\n    if args and kwargs:\n        raise TypeError("|format takes positions or names, not both")\n    return percent(text(value), kwargs or args)\n\n\ndef _to_json(value: Any, indent: int | None = None) -> Markup:\n    return htmlsafe_json_dumps(value, indent=indent, sort_keys=True, default=_json_default)\n\n\ndef _json_default(value: Any) -> Any:\n    if isinstance(value, Decimal):\n        return float(value)\n    if isinstance(value, Iterable):\n        return list(value)\n    raise TypeError(f"a {kind(value)} has no JSON form")\n\n\n# These look at members one by one, in Python; what they call is guarded itself.\n_PLAIN = names("abs count first last length map reject rejectattr select selectattr filesizeformat")\n_GUARDED = names(\n    "dictsort groupby max min reverse sort unique list int float urlencode wordcount items truncate"\n)\n_ON_TEXT = names("capitalize lower upper title trim striptags e escape forceescape")\n_COMPARING = names("!= < <= == > >= eq equalto ge greaterthan gt in le lessthan lt ne")\n\nFILTERS: dict[str, Filter] = {\n    **{name: BUILTIN[name] for name in _PLAIN},\n    **{name: _guarded(BUILTIN[name]) for name in _GUARDED},\n    **{name: _on_text(BUILTIN[name]) for name in _ON_TEXT},\n    "safe": _on_text(Markup),\n    "string": text,\n    "batch": _capped(_guarded(BUILTIN["batch"]), MAX_WIDTH),\n    "slice": _capped(_guarded(BUILTIN["slice"]), MAX_WIDTH),\n    "center": _capped(_on_text(BUILTIN["center"]), MAX_WIDTH),\n    "indent": _capped(_on_text(_indent), MAX_WIDTH),\n    "round": _capped(_round, 30),\n    "tojson": _capped(_guarded(_to_json), 16),\n    "format": _guarded(_format),\n    "default": _default,\n    "d": _default,\n    "join": _join,\n    "replace": _replace,\n    "sum": _sum,\n}\nTESTS: dict[str, Filter] = {\n    name: _guarded(cast(Filter, function)) if name in _COMPARING else cast(Filter, function)\n    for name, function in BUILTIN_TESTS.items()\n    if name not in ("callable", "filter", "test")\n}\n',
  'dreamlit_rendering.sandbox': '"""The sandbox: what a template may reach is listed, never what it may not."""\n\nfrom __future__ import annotations\n\nimport functools\nfrom collections.abc import Callable, Iterable, Mapping, Sequence\nfrom typing import Any\n\nfrom jinja2 import StrictUndefined, Template, Undefined, nodes\nfrom jinja2.environment import TemplateModule\nfrom jinja2.exceptions import SecurityError, TemplateRuntimeError, UndefinedError\nfrom jinja2.loaders import DictLoader\nfrom jinja2.runtime import Context, TemplateReference\nfrom jinja2.sandbox import ImmutableSandboxedEnvironment\nfrom jinja2.utils import Namespace\nfrom markupsafe import Markup\n\nfrom .addresses import veil\nfrom .compiler import Generator\nfrom .filters import FILTERS, TESTS\nfrom .limits import MAX_ITEMS, MAX_SOURCE, MAX_TEXT, METER, LimitError\nfrom .methods import ATTRIBUTES, call_method\nfrom .operators import BINARY, binary, compare\nfrom .values import kind, settled, text, weigh\n\n\ndef _range(*bounds: int) -> range:\n    steps = range(*bounds)\n    # The length of a longer one may not even be an index.\n    if steps[MAX_ITEMS:]:\n        raise LimitError(f"a range is limited to {MAX_ITEMS} steps")\n    return steps\n\n\ndef _dict(pairs: Any = (), /, **members: Any) -> dict[Any, Any]:\n    return dict(settled(pairs), **members)\n\n\nGLOBALS: dict[str, Any] = {"range": _range, "dict": _dict, "namespace": Namespace}\n\n\nclass Sandbox(ImmutableSandboxedEnvironment):\n    """Compiles and runs templates of one kind: "html", "text", "slack" or "address"."""\n\n    code_generator_class = Generator\n    intercepted_binops = frozenset(BINARY)\n    compare = staticmethod(compare)\n\n    def __init__(self, template_kind: str, files: Mapping[str, str]) -> None:\n        super().__init__(\n            undefined=StrictUndefined,\n            autoescape=functools.partial(_escapes, template_kind),\n            loader=DictLoader(files),\n            finalize=_FINALIZERS.get(template_kind, text),\n            auto_reload=False,\n        )\n        self.globals = dict(GLOBALS)\n        self.filters = dict(FILTERS)\n        self.tests = dict(TESTS)\n\n    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:\n        if len(source) > MAX_SOURCE:\n            raise LimitError(f"the template has {len(source)} characters: the limit is {MAX_SOURCE}")\n        return super()._parse(source, name, filename)\n\n    def _load_template(self, name: Any, globals_: Any) -> Template:\n        if not isinstance(name, str):  # a value as a key of a cache would be hashed\n            raise TemplateRuntimeError("the name of a template must be text")\n        return super()._load_template(str(name), globals_)\n\n    def concat(self, parts: Iterable[str]) -> str:\n        return concatenated(parts)\n\n    def call_binop(self, _context: Context, operator: str, left: Any, right: Any) -> Any:\n        return binary(operator, left, right)\n\n    def join_parts(self, parts: Sequence[Any], autoescape: bool) -> str:\n        """The result of ``~``."""\n        texts = [text(part) for part in parts]\n        METER.charge(sum(map(len, texts)))\n        if autoescape and any(isinstance(part, Markup) for part in texts):\n            return METER.charged(Markup("").join(texts))\n        return "".join(texts)\n\n    def mapping(self, pairs: Iterable[tuple[Any, Any]]) -> dict[Any, Any]:\n        """The result of ``{key: value}``."""\n        found = {}\n        for key, value in pairs:\n            weigh(key)\n            found[key] = value\n        return found\n\n    def getattr(self, obj: Any, attribute: str, path: str | None = None) -> Any:\n        type_ = type(obj)\n        if type_ is dict and attribute in obj:\n            return obj[attribute]  # a column may be called "items": the data comes before the method\n        if attribute in ATTRIBUTES.get(type_, ()):\n            return getattr(obj, attribute)\n        if not attribute.startswith("_"):\n            try:\n                if isinstance(obj, (Namespace, TemplateModule)):\n                    return getattr(obj, attribute)\n                if isinstance(obj, TemplateReference):\n                    return obj[attribute]\n            except (AttributeError, LookupError):\n                pass\n        return self._missing(obj, attribute, path)\n\n    def getitem(self, obj: Any, argument: Any, path: str | None = None) -> Any:\n        if isinstance(obj, (dict, list, tuple, str, range)):\n            if isinstance(argument, slice):\n                return METER.charged(obj[argument])\n            weigh(argument)\n            try:\n                return obj[argument]\n            except (TypeError, LookupError):\n                pass\n        if isinstance(argument, str):\n            return self.getattr(obj, argument, path)\n        return self._missing(obj, "[:]" if isinstance(argument, slice) else text(argument), path)\n\n    def _missing(self, obj: Any, name: str, path: str | None) -> Undefined:\n        if isinstance(obj, Undefined):\n            str(obj)  # raises what is undefined\n        if obj is None:\n            base = path.rpartition(".")[0] if path else ""\n            hint = f"{base!r} is null and has no {name!r}" if base else f"null has no {name!r}"\n        elif isinstance(obj, (dict, list, tuple, Namespace, TemplateModule, TemplateReference)):\n            hint = f"{path or name!r} is undefined"\n        else:\n            hint = f"access to {path or name!r}: a {kind(obj)} has no usable {name!r}"\n        exc = SecurityError if name.startswith("_") else UndefinedError\n        return self.undefined(hint, obj=obj, name=name, exc=exc)\n\n    def call(self, context: Context, obj: Any, /, *args: Any, **kwargs: Any) -> Any:\n        if getattr(obj, "__self__", None) is None:\n            return context.call(obj, *args, **kwargs)\n        kwargs.pop("_loop_vars", None)\n        kwargs.pop("_block_vars", None)\n        return call_method(self, obj, args, kwargs)\n\n\ndef concatenated(chunks: Iterable[str]) -> str:\n    """The output of a template, a macro or a block."""\n    parts, size = [], 0\n    for chunk in chunks:\n        size += len(chunk)\n        if size > MAX_TEXT:\n            raise LimitError(f"the text is larger than {MAX_TEXT} characters")\n        parts.append(chunk)\n    METER.spend(size)\n    return "".join(parts)\n\n\ndef _escapes(template_kind: str, name: str | None) -> bool:\n    if template_kind == "slack":\n        return True  # macros and blocks come back as markup; the finalizer has done Slack\'s own escaping\n    return name is not None and (name == "<html>" or name.lower().endswith((".html", ".htm")))\n\n\ndef _finalize_slack(value: Any) -> Markup:\n    shown = text(value)\n    if isinstance(shown, Markup):\n        return shown\n    return Markup(shown.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"))  # noqa: S704 - escaped\n\n\n_FINALIZERS: dict[str, Callable[[Any], str]] = {\n    "slack": _finalize_slack,\n    "address": lambda value: veil(text(value)),\n}\n',
  'dreamlit_rendering.fields': '"""The fields of a message: templates, compiled once, and what becomes of their text."""\n\nfrom __future__ import annotations\n\nimport json\nfrom collections.abc import Callable, Mapping\nfrom typing import Any\n\nfrom jinja2 import Template\nfrom jinja2.runtime import Context\n\nfrom .faults import FaultError, fault_of\nfrom .lines import storable\nfrom .sandbox import Sandbox, concatenated\n\nFinish = Callable[[str], Any]\n_MARKS = ("{{", "{%", "{#")\n\n\ndef finish_body(text: str) -> str:\n    return storable(text, "the text")\n\n\nclass Field:\n    """One compiled template; ``value`` gives what its text becomes."""\n\n    def __init__(self, name: str, template: Template | str, finish: Finish) -> None:\n        self._name = name\n        self._finish = finish\n        self._constant = template if isinstance(template, str) else None\n        if not isinstance(template, str):\n            self._environment = template.environment\n            self._template_name = template.name\n            self._root = template.root_render_func\n            self._blocks = template.blocks\n\n    def value(self, variables: dict[str, Any]) -> Any:\n        """The field\'s value for one item; raises FaultError."""\n        try:\n            return self._finish(self._text(variables))\n        except Exception as exc:  # noqa: BLE001 - whatever a template raises becomes data\n            raise fault_of(self._name, exc) from None\n\n    def _text(self, variables: dict[str, Any]) -> str:\n        if self._constant is not None:\n            return self._constant\n        # Not template.render(), which copies the variables and rewrites tracebacks.\n        context = Context(self._environment, variables, self._template_name, self._blocks)\n        return concatenated(self._root(context))\n\n\nclass Compiler:\n    """Makes the fields of one message; the templates of one kind share an environment. Raises FaultError."""\n\n    def __init__(self, files: Mapping[str, str]) -> None:\n        self.files = files\n        self._sandboxes: dict[str, Sandbox] = {}\n\n    def inline(self, name: str, kind: str, source: Any, finish: Finish = finish_body) -> Field:\n        """A template that is written in the definition itself."""\n        if source is None or isinstance(source, (dict, list)):\n            raise FaultError(name, "template", f"{name} must be text")\n        source = source if isinstance(source, str) else json.dumps(source)\n        if not any(mark in source for mark in _MARKS):\n            return Field(name, source.removesuffix("\\n"), finish)\n        return self._compiled(name, finish, lambda: self._template(kind, source, f"<{name}>"))\n\n    def file(self, name: str, kind: str, file: str) -> Field:\n        """A template file."""\n        return self._compiled(name, finish_body, lambda: self._sandbox(kind).get_template(file))\n\n    def _compiled(self, name: str, finish: Finish, template: Callable[[], Template]) -> Field:\n        try:\n            return Field(name, template(), finish)\n        except Exception as exc:  # noqa: BLE001 - whatever a template raises becomes data\n            raise fault_of(name, exc) from None\n\n    def _template(self, kind: str, source: str, name: str) -> Template:\n        sandbox = self._sandbox(kind)\n        code = sandbox.compile(source, name=name, filename=name)\n        return Template.from_code(sandbox, code, sandbox.globals)\n\n    def _sandbox(self, kind: str) -> Sandbox:\n        if kind not in self._sandboxes:\n            self._sandboxes[kind] = Sandbox(kind, self.files)\n        return self._sandboxes[kind]\n',
  'dreamlit_rendering.links': '"""The template files that templates name."""\n\nfrom __future__ import annotations\n\nfrom jinja2 import TemplateError, nodes\n\nfrom .sandbox import Sandbox\n\n\ndef linked_files(source: str) -> list[str]:\n    """The names of the files that a source extends, includes or imports; none if it does not parse."""\n    try:\n        tree = Sandbox("text", {}).parse(source)\n    except (TemplateError, RecursionError):\n        return []\n    found: dict[str, None] = {}\n    for node in tree.find_all((nodes.Extends, nodes.Include, nodes.Import, nodes.FromImport)):\n        found.update(dict.fromkeys(constant_names(node.template) or []))  # type: ignore[attr-defined]\n    return list(found)\n\n\ndef constant_names(node: nodes.Node) -> list[str] | None:\n    """The names that an expression can give, None unless they are all written out."""\n    if isinstance(node, nodes.Const):\n        return [node.value] if isinstance(node.value, str) else None\n    parts: list[nodes.Expr]\n    if isinstance(node, (nodes.List, nodes.Tuple)):\n        parts = node.items\n    elif isinstance(node, nodes.CondExpr) and node.expr2 is not None:\n        parts = [node.expr1, node.expr2]\n    else:\n        return None\n    names: list[str] = []\n    for part in parts:\n        found = constant_names(part)\n        if found is None:\n            return None\n        names.extend(found)\n    return names\n',
  'dreamlit_rendering.email': '"""An email: its fields in, its content out."""\n\nfrom __future__ import annotations\n\nimport functools\nimport re\nfrom collections.abc import Mapping\nfrom typing import Any\n\nfrom .addresses import addresses\nfrom .faults import FaultError, RefusedError\nfrom .fields import Compiler, Field\nfrom .limits import MAX_SUBJECT\nfrom .lines import check_size, one_line\n\n_HEADER_NAME = re.compile("[!-9;-~]+")\n_OWN_HEADERS = frozenset(\n    {\n        *("to", "cc", "bcc", "from", "sender", "reply-to", "subject", "date", "message-id", "mime-version"),\n        *("content-type", "content-transfer-encoding", "content-disposition", "return-path", "received"),\n    }\n)\n\n\ndef _recipients(text: str) -> list[str]:\n    found = addresses(text)\n    if not found:\n        raise RefusedError("address", "to is empty")\n    return found\n\n\ndef _sender(text: str) -> str | None:\n    found = addresses(text)\n    if len(found) > 1:\n        raise RefusedError("address", "from takes one address")\n    return found[0] if found else None\n\n\ndef _subject(text: str) -> str:\n    text = one_line(text, "subject")\n    check_size(text, "the subject", MAX_SUBJECT)\n    return text\n\n\n_ONE_LINE = {\n    "to": ("address", _recipients),\n    "cc": ("address", addresses),\n    "bcc": ("address", addresses),\n    "reply_to": ("address", addresses),\n    "from": ("address", _sender),\n    "subject": ("text", _subject),\n}\n\n\nclass Email:\n    """The compiled templates of an email; raises FaultError."""\n\n    def __init__(self, given: Mapping[str, Any], compiler: Compiler) -> None:\n        self._compiler = compiler\n        self._fields = {\n            key: compiler.inline(key, kind, _as_list(given[key]) if kind == "address" else given[key], finish)\n            for key, (kind, finish) in _ONE_LINE.items()\n            if key in given\n        }\n        self._fields.update(self._bodies(given))\n        headers = given.get("headers") or {}\n        if not isinstance(headers, dict):\n            raise FaultError("headers", "template", "headers must be a mapping of names to texts")\n        self._headers = {name: self._header(name, value) for name, value in headers.items()}\n        if "to" not in given:\n            raise FaultError("to", "address", "to is empty")\n\n    def _bodies(self, given: Mapping[str, Any]) -> dict[str, Field]:\n        found = {\n            part: self._compiler.inline(part, part, given[part]) for part in ("html", "text") if part in given\n        }\n        name = given.get("template")\n        if name is not None:\n            stem, _, ending = str(name).rpartition(".")\n            part, beside = "text" if ending.lower() == "txt" else "html", f"{stem}.txt"\n            if part not in found:\n                found[part] = self._compiler.file("template", part, name)\n            if "text" not in found and beside in self._compiler.files:\n                found["text"] = self._compiler.file("text", "text", beside)\n        if not found:\n            raise FaultError("template", "template", "the email has neither template nor html nor text")\n        return found\n\n    def _header(self, name: str, value: Any) -> Field:\n        field = f"headers.{name}"\n        if not _HEADER_NAME.fullmatch(name):\n            raise FaultError(field, "header", f"not a header\'s name: {name!r}")\n        if name.lower() in _OWN_HEADERS:\n            raise FaultError(field, "header", f"the header {name} is not free: use the field for it")\n        return self._compiler.inline(field, "text", value, functools.partial(one_line, what=name))\n\n    def content(self, variables: dict[str, Any]) -> dict[str, Any]:\n        """The email for one item; raises FaultError."""\n        content: dict[str, Any] = {\n            "to": [],\n            "cc": [],\n            "bcc": [],\n            "reply_to": [],\n            "from": None,\n            "subject": "",\n            "html": None,\n            "text": None,\n        }\n        for key, field in self._fields.items():\n            content[key] = field.value(variables)\n        content["headers"] = {name: field.value(variables) for name, field in self._headers.items()}\n        return content\n\n\ndef _as_list(value: Any) -> Any:\n    """A YAML list of addresses reads like one line of them."""\n    return ", ".join(map(str, value)) if isinstance(value, list) else value\n',
  'dreamlit_rendering.slack': '"""A Slack message: its fields in, its content out."""\n\nfrom __future__ import annotations\n\nimport re\nfrom collections.abc import Mapping\nfrom typing import Any\n\nfrom .faults import FaultError\nfrom .fields import Compiler, Field, finish_body\nfrom .limits import MAX_DEPTH\nfrom .lines import one_line\n\n_NOT_SHOWN = re.compile("(?:.*_)?url|.*_id|value|type|name|style")\n\n\ndef _channel(text: str) -> str | None:\n    return one_line(text, "channel") or None\n\n\ndef _shown(text: str) -> str:\n    # Joining markup escapes quotes as HTML does. Slack would show those entities as they are.\n    if "&#3" in text:\n        text = text.replace("&#39;", "\'").replace("&#34;", \'"\')\n    return finish_body(text)\n\n\nclass Slack:\n    """The compiled templates of a Slack message; raises FaultError."""\n\n    def __init__(self, given: Mapping[str, Any], compiler: Compiler) -> None:\n        self._compiler = compiler\n        self._tree: dict[str, Any] = {"channel": None, "text": None, "blocks": None}\n        if "channel" in given:\n            self._tree["channel"] = compiler.inline("channel", "text", given["channel"], _channel)\n        if "text" in given:\n            self._tree["text"] = compiler.inline("text", "slack", given["text"], _shown)\n        if "blocks" in given:\n            self._tree["blocks"] = self._compiled(given["blocks"], "blocks", "", 0)\n        if "text" not in given and "blocks" not in given:\n            raise FaultError("text", "template", "the Slack message has neither text nor blocks")\n\n    def _compiled(self, tree: Any, place: str, key: str, depth: int) -> Any:\n        """The tree with its texts as fields; ``key`` is the name they stand under."""\n        if depth > MAX_DEPTH:\n            raise FaultError(place, "limit", "blocks are nested too deeply")\n        if isinstance(tree, dict):\n            return {\n                name: self._compiled(leaf, f"{place}.{name}", name, depth + 1) for name, leaf in tree.items()\n            }\n        if isinstance(tree, list):\n            return [self._compiled(leaf, f"{place}[{at}]", key, depth + 1) for at, leaf in enumerate(tree)]\n        if not isinstance(tree, str):\n            return tree\n        if _NOT_SHOWN.fullmatch(key):\n            return self._compiler.inline(place, "text", tree)\n        return self._compiler.inline(place, "slack", tree, _shown)\n\n    def content(self, variables: dict[str, Any]) -> dict[str, Any]:\n        """The message for one item; raises FaultError."""\n        return {name: _filled(leaf, variables) for name, leaf in self._tree.items()}\n\n\ndef _filled(tree: Any, variables: dict[str, Any]) -> Any:\n    if isinstance(tree, dict):\n        return {name: _filled(leaf, variables) for name, leaf in tree.items()}\n    if isinstance(tree, list):\n        return [_filled(leaf, variables) for leaf in tree]\n    return tree.value(variables) if isinstance(tree, Field) else tree\n',
  'dreamlit_rendering.reader': '"""Walks the syntax trees of templates and keeps what they read."""\n\nfrom __future__ import annotations\n\nimport difflib\nfrom collections.abc import Iterable, Mapping\nfrom typing import Any\n\nfrom jinja2 import TemplateSyntaxError, nodes\n\nfrom .compiler import chain\nfrom .limits import LimitError\nfrom .links import constant_names\nfrom .sandbox import GLOBALS, Sandbox\nfrom .scopes import assigned, calls_super, imported, stored\n\n_OWN = {"self", "super", "caller"}\n\n\nclass Reader:\n    """Reads templates into ``entries``; a ``scope`` holds the names that a template has set."""\n\n    def __init__(self, files: Mapping[str, str]) -> None:\n        self.entries: list[dict[str, Any]] = []\n        self._files = files\n        self._sandbox = Sandbox("text", files)\n        self._known: set[Any] = set()\n        self._seen: set[tuple[str, str, frozenset[str]]] = set()\n        self._begin("")\n\n    def _begin(self, field: str) -> None:\n        self._field = field\n        self._file: str | None = None\n        self._depth = 0  # how many children stand before the file that is being read\n        self._overridden: dict[str, bool] = {}  # the blocks of those children, and whether they call super()\n        self._isolated = False  # where the context is not known\n\n    def read(self, field: str, source: str) -> None:\n        """Read a template that is written in the definition itself."""\n        self._begin(field)\n        self._read_source(source, set())\n\n    def read_file(self, field: str, name: str) -> None:\n        """Read a template file."""\n        self._begin(field)\n        self._follow_name(name, set(), 1)\n\n    def _follow_name(self, name: str, scope: set[str], line: int) -> None:\n        if name not in self._files:\n            self._fail(f"there is no template file {name!r}{_nearest(name, self._files)}", line)\n            return\n        visit = self._field, name, frozenset(scope)\n        if visit in self._seen:\n            return\n        self._seen.add(visit)\n        outer = self._file, self._overridden\n        self._file = name\n        self._read_source(self._files[name], set(scope))\n        self._file, self._overridden = outer\n\n    def _read_source(self, source: str, scope: set[str]) -> None:\n        try:\n            self._read_tree(source, scope)\n        except TemplateSyntaxError as exc:\n            self._fail(exc.message or "syntax error", exc.lineno)\n        except LimitError as exc:\n            self._fail(str(exc), 1)\n        except (RecursionError, MemoryError):\n            self._fail("the template nests too deeply", 1)\n\n    def _read_tree(self, source: str, scope: set[str]) -> None:\n        tree = self._sandbox.parse(source)\n        if self._knows_names(tree):\n            try:\n                self._sandbox.compile(source)\n            except (SyntaxError, ValueError) as exc:\n                self._fail(f"the template does not compile: {exc}", 1)\n        if tree.find(nodes.Extends) is not None:\n            # A child\'s top level runs before its blocks and its parent do.\n            scope.update(*map(assigned, tree.body))\n            inherited = {block.name: calls_super(block) for block in tree.find_all(nodes.Block)}\n            self._overridden = {**inherited, **self._overridden}\n        self._visit_all(tree.body, scope)\n\n    def _knows_names(self, tree: nodes.Template) -> bool:\n        """Whether all filters and tests exist; the compiler would tell the first only, without a hint."""\n        before = len(self.entries)\n        for node in tree.find_all((nodes.Filter, nodes.Test)):\n            is_filter = isinstance(node, nodes.Filter)\n            what, known = ("filter", self._sandbox.filters) if is_filter else ("test", self._sandbox.tests)\n            name: str = node.name\n            if name not in known:\n                self._fail(f"there is no {what} {name!r}{_nearest(name, known)}", node.lineno)\n        return len(self.entries) == before\n\n    def _fail(self, message: str, line: int | None) -> None:\n        entry = {"field": self._field, "error": message, "file": self._file, "line": line}\n        if entry not in self.entries:\n            self.entries.append(entry)\n\n    def _emit(self, path: list[Any], node: nodes.Node) -> None:\n        if self._isolated:\n            message = f"{path[0]!r} is not known in a file that is imported or included without context"\n            self._fail(message, node.lineno)\n            return\n        key = (self._field, self._file, *((type(part), part) for part in path))\n        if key not in self._known:\n            self._known.add(key)\n            self.entries.append({"field": self._field, "path": path, "file": self._file, "line": node.lineno})\n\n    def _visit_all(self, found: Iterable[nodes.Node | None], scope: set[str]) -> None:\n        for node in found:\n            if node is not None:\n                self._visit(node, scope)\n\n    def _visit(self, node: nodes.Node, scope: set[str]) -> None:\n        handler = getattr(self, f"_visit_{type(node).__name__.lower()}", None)\n        if handler is not None:\n            handler(node, scope)\n        else:\n            self._visit_all(node.iter_child_nodes(), scope)\n\n    def _visit_name(self, node: nodes.Name, scope: set[str]) -> None:\n        if node.ctx == "load" and node.name not in scope | _OWN:\n            self._emit([node.name], node)\n\n    def _visit_getattr(self, node: nodes.Getattr | nodes.Getitem, scope: set[str]) -> None:\n        path = chain(node)\n        if path is None:\n            self._visit_all(node.iter_child_nodes(), scope)\n        elif path[0] not in scope | _OWN:\n            self._emit(path, node)\n\n    _visit_getitem = _visit_getattr\n\n    def _visit_call(self, node: nodes.Call, scope: set[str]) -> None:\n        called = node.node\n        if isinstance(called, nodes.Getattr):\n            path = chain(called.node)\n            first = node.args[0] if node.args else None\n            if called.attr == "get" and path is not None and isinstance(first, nodes.Const):\n                self._visit(nodes.Getitem(called.node, first, "load", lineno=node.lineno), scope)\n            else:\n                self._visit(called.node, scope)\n        elif not (isinstance(called, nodes.Name) and called.name in GLOBALS):\n            self._visit(called, scope)\n        self._visit_all([*node.args, *node.kwargs, node.dyn_args, node.dyn_kwargs], scope)\n\n    def _visit_for(self, node: nodes.For, scope: set[str]) -> None:\n        self._visit(node.iter, scope)\n        inner = scope | stored(node.target) | {"loop"}\n        self._visit_all([node.test], inner)\n        self._visit_all(node.body, set(inner))\n        self._visit_all(node.else_, set(scope))\n\n    def _visit_if(self, node: nodes.If, scope: set[str]) -> None:\n        self._visit(node.test, scope)\n        ends = []\n        branches: list[list[Any]] = [node.body, *[[part] for part in node.elif_], node.else_]\n        for branch in branches:\n            inner = set(scope)\n            self._visit_all(branch, inner)\n            ends.append(inner)\n        scope |= set.intersection(*ends)\n\n    def _visit_assign(self, node: nodes.Assign, scope: set[str]) -> None:\n        self._visit(node.node, scope)\n        scope |= stored(node.target)\n\n    def _visit_assignblock(self, node: nodes.AssignBlock, scope: set[str]) -> None:\n        self._visit_all([node.filter], scope)\n        self._visit_all(node.body, set(scope))\n        scope |= stored(node.target)\n\n    def _visit_macro(self, node: nodes.Macro, scope: set[str]) -> None:\n        scope.add(node.name)\n        self._visit_all(node.defaults, scope)\n        self._visit_all(node.body, scope | {arg.name for arg in node.args} | {"varargs", "kwargs", "caller"})\n\n    def _visit_callblock(self, node: nodes.CallBlock, scope: set[str]) -> None:\n        self._visit(node.call, scope)\n        self._visit_all(node.defaults, scope)\n        self._visit_all(node.body, scope | {arg.name for arg in node.args})\n\n    def _visit_filterblock(self, node: nodes.FilterBlock, scope: set[str]) -> None:\n        self._visit(node.filter, scope)\n        self._visit_all(node.body, set(scope))\n\n    def _visit_with(self, node: nodes.With, scope: set[str]) -> None:\n        self._visit_all(node.values, scope)\n        inner = set(scope)\n        for target in node.targets:\n            inner |= stored(target)\n        self._visit_all(node.body, inner)\n\n    def _visit_block(self, node: nodes.Block, scope: set[str]) -> None:\n        # A parent\'s block that a child has replaced, without calling super(), is never rendered.\n        if self._depth == 0 or self._overridden.get(node.name, True):\n            self._visit_all(node.body, set(scope))\n\n    def _visit_extends(self, node: nodes.Extends, scope: set[str]) -> None:\n        self._depth += 1\n        self._follow(node, node.template, scope)\n        self._depth -= 1\n\n    def _visit_include(self, node: nodes.Include, scope: set[str]) -> None:\n        self._standalone(node, scope, node.with_context, node.ignore_missing)\n\n    def _visit_import(self, node: nodes.Import, scope: set[str]) -> None:\n        self._standalone(node, scope, node.with_context, False)\n        scope.add(node.target)\n\n    def _visit_fromimport(self, node: nodes.FromImport, scope: set[str]) -> None:\n        self._standalone(node, scope, node.with_context, False)\n        scope |= imported(node)\n\n    def _standalone(self, node: Any, scope: set[str], with_context: bool, ignore_missing: bool) -> None:\n        outer = self._depth, self._overridden, self._isolated\n        self._depth, self._overridden, self._isolated = 0, {}, self._isolated or not with_context\n        self._follow(node, node.template, scope if with_context else set(), ignore_missing)\n        self._depth, self._overridden, self._isolated = outer\n\n    def _follow(\n        self, node: nodes.Node, template: nodes.Node, scope: set[str], ignore_missing: bool = False\n    ) -> None:\n        names = constant_names(template)\n        if names is None:\n            self._fail("the name of a template file must be written out", node.lineno)\n            self._visit(template, scope)\n            return\n        if isinstance(template, nodes.CondExpr):\n            self._visit(template.test, scope)\n        # Of a list, the first file that exists is taken.\n        is_choice = isinstance(template, (nodes.List, nodes.Tuple))\n        may_miss = ignore_missing or (is_choice and any(name in self._files for name in names))\n        for name in names:\n            if name in self._files or not may_miss:\n                self._follow_name(name, scope, node.lineno)\n\n\ndef _nearest(name: str, known: Iterable[str]) -> str:\n    near = difflib.get_close_matches(name, list(known), 1)\n    return f": did you mean {near[0]!r}?" if near else ""\n',
  'dreamlit_rendering.batch': '"""Batches of messages."""\n\nfrom __future__ import annotations\n\nimport hashlib\nimport json\nfrom collections.abc import Mapping, Sequence\nfrom typing import Any\n\nfrom .email import Email\nfrom .faults import FaultError, fault_of\nfrom .fields import Compiler\nfrom .limits import CACHED_MESSAGES, COMPILE_SECONDS, ITEM_SECONDS, METER\nfrom .sandbox import GLOBALS\nfrom .slack import Slack\nfrom .watch import LOCK, DeadlineError, Watch\n\n_CHANNELS: dict[str, type[Email | Slack]] = {"email": Email, "slack": Slack}\n_CACHE: dict[bytes, Email | Slack] = {}\n\n\ndef render_batch(\n    channel: str,\n    templates: Mapping[str, Any],\n    files: Mapping[str, str],\n    contexts: Sequence[Mapping[str, Any]],\n) -> list[dict[str, Any]]:\n    """Render one message per context.\n\n    Returns, in the order of the contexts, {"content": {...}} or {"error": {"code", "message", "field",\n    "file", "line"}}; code is "template", "limit", "address", "header" or "channel". Raises nothing for any\n    template or context.\n    """\n    with LOCK, Watch(COMPILE_SECONDS) as watch:\n        METER.reset()\n        try:\n            message = _message(channel, templates, files)\n        except DeadlineError:\n            fault = _late(watch)\n        except Exception as exc:  # noqa: BLE001 - promised: raises nothing for any template\n            fault = fault_of(None, exc)\n        else:\n            watch.seconds = ITEM_SECONDS\n            return [_rendered(message, context, watch) for context in contexts]\n        return [{"error": dict(fault.error)} for _ in contexts]\n\n\ndef _rendered(message: Email | Slack, context: Mapping[str, Any], watch: Watch) -> dict[str, Any]:\n    try:\n        watch.item += 1\n        METER.reset()\n        return {"content": message.content({**GLOBALS, **context})}\n    except DeadlineError:\n        fault = _late(watch)\n        watch.punish()\n    except Exception as exc:  # noqa: BLE001 - a bad context never fails its neighbours\n        fault = fault_of(None, exc)\n    return {"error": fault.error}\n\n\ndef _late(watch: Watch) -> FaultError:\n    return FaultError(None, "limit", f"the template took longer than {watch.seconds:g} s of CPU time")\n\n\ndef _message(channel: str, templates: Mapping[str, Any], files: Mapping[str, str]) -> Email | Slack:\n    """The compiled templates, from the cache if the same content has been compiled before."""\n    if channel not in _CHANNELS:\n        known = " or ".join(_CHANNELS)\n        raise FaultError("channel", "channel", f"there is no channel {channel!r}: use {known}")\n    # Insertion order is part of the content here: it shows in blocks and headers.\n    content = json.dumps([channel, templates, files], default=str)\n    key = hashlib.blake2b(content.encode(), digest_size=20).digest()\n    message = _CACHE.pop(key, None)\n    if message is None:\n        given = {name: value for name, value in templates.items() if value is not None}\n        message = _CHANNELS[channel](given, Compiler(files))\n    _CACHE[key] = message\n    if len(_CACHE) > CACHED_MESSAGES:\n        del _CACHE[next(iter(_CACHE))]\n    return message\n',
  'dreamlit_rendering.references': '"""What the templates of a step read, and what is wrong with them."""\n\nfrom __future__ import annotations\n\nfrom collections.abc import Iterator, Mapping\nfrom typing import Any\n\nfrom .limits import COMPILE_SECONDS, MAX_DEPTH\nfrom .reader import Reader\nfrom .watch import LOCK, DeadlineError, Watch\n\n\ndef references(templates: Mapping[str, Any], files: Mapping[str, str]) -> list[dict[str, Any]]:\n    """What the templates of a step read, and what is wrong with them.\n\n    Returns entries {"field", "path", "file", "line"}, one for each path in each field, and {"field", "error",\n    "file", "line"}; file is None where the template stands in the definition itself.\n    """\n    with LOCK, Watch(COMPILE_SECONDS):\n        reader = Reader(files)\n        try:\n            for field, kind, source in _sources(templates, files):\n                if kind == "file":\n                    reader.read_file(field, source)\n                else:\n                    reader.read(field, source)\n        except DeadlineError:\n            message = "the templates are too large to be examined"\n            return [{"field": None, "error": message, "file": None, "line": None}]\n        return reader.entries\n\n\ndef _sources(templates: Mapping[str, Any], files: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:\n    """Every template of a step: its field, "inline" or "file", and the source or the file\'s name."""\n    for key, value in templates.items():\n        if key == "template" and isinstance(value, str):\n            yield key, "file", value\n            beside = value.rpartition(".")[0] + ".txt"\n            if beside in files and beside != value and templates.get("text") is None:\n                yield "text", "file", beside\n        else:\n            yield from ((place, "inline", leaf) for place, leaf in _leaves(key, value, 0))\n\n\ndef _leaves(place: str, tree: Any, depth: int) -> Iterator[tuple[str, str]]:\n    if isinstance(tree, str):\n        yield place, tree\n    elif isinstance(tree, dict) and depth <= MAX_DEPTH:\n        for name, leaf in tree.items():\n            yield from _leaves(f"{place}.{name}", leaf, depth + 1)\n    elif isinstance(tree, list) and depth <= MAX_DEPTH:\n        for at, leaf in enumerate(tree):\n            yield from _leaves(f"{place}[{at}]", leaf, depth + 1)\n',
  'dreamlit_rendering.__init__': '"""Templates in, texts and per-item errors out.\n\nThe same modules render in two places: in the sender, and inside PostgreSQL, where plpython3u executes their\nsources. So they import the standard library, Jinja2, MarkupSafe and each other (``from .module import name``)\nand nothing else, and keep no state but a cache.\n\nThe public functions:\n\n``render_batch``  one result per context, in order; a bad context never fails its neighbours\n``references``    every variable that the templates read, and what is wrong with the templates\n``linked_files``  the template files that one source names\n"""\n\nfrom __future__ import annotations\n\nfrom .batch import render_batch\nfrom .links import linked_files\nfrom .references import references\n\n__all__ = ["linked_files", "references", "render_batch"]\n',
}.items():
        module = sys.modules[name] = types.ModuleType(name)
        module.__package__ = "dreamlit_rendering"
        exec(compile(source, name, "exec"), module.__dict__)
    GD["dreamlit_digest"] = 'bce981ed352190af'
answer = getattr(sys.modules["dreamlit_rendering.__init__"], p_function)(*json.loads(p_arguments, parse_float=decimal.Decimal))
return json.dumps(answer, ensure_ascii=False)
$python$ $create$;
  alter function dreamlit._run_python(text, jsonb) owner to dreamlit_owner;
  revoke execute on function dreamlit._run_python(text, jsonb) from public;
  comment on function dreamlit._run_python(text, jsonb) is
  'Calls a function of the rendering modules with a list of arguments and returns its answer.';
end;
$install$;
-- Functions of an earlier release that this one no longer has: all others were written by this very transaction.
do $stale$
declare
  v_sql text;
begin
  for v_sql in
    select format('drop %s %s', case p.prokind when 'p' then 'procedure' else 'function' end, p.oid::regprocedure)
    from pg_catalog.pg_proc as p
    where p.pronamespace = 'dreamlit'::regnamespace and p.xmin <> pg_current_xact_id()::xid and p.proname <> '_run_python'
  loop
    execute v_sql;
  end loop;
end;
$stale$;
-- Who renders: the database if its Python has a Jinja2 of 3.1.6 or later (earlier ones let templates out of the sandbox), else
-- the senders.
do $renderer$
declare
  v_reason text := 'this server has no plpython3u, or the installing role is no superuser';
begin
  if to_regprocedure('dreamlit._run_python(text, jsonb)') is not null then
    begin
      if dreamlit._run_python('render_batch', '["slack", {"text": "{{ 1 }}"}, {}, [{}]]') #>> '{0,content,text}' = '1' then
        insert into dreamlit._settings (name, value) values ('renderer', '"database"') on conflict do nothing;
        return;
      end if;
    exception when others then
      v_reason := sqlerrm;
      drop function dreamlit._run_python(text, jsonb);
    end;
  end if;
  raise notice 'dreamlit: the senders will render: %', v_reason;
  insert into dreamlit._settings as s (name, value) values ('renderer', '"sender"')
  on conflict (name) do update set value = excluded.value where s.value <> excluded.value;
end;
$renderer$;
select dreamlit._ensure_partitions();
-- Every minute a worker that works for a little longer than a minute, so that they chain without a gap.
do $cron$
begin
  if to_regnamespace('cron') is null then
    raise notice 'dreamlit: pg_cron is not in this database; the senders will tick';
  elsif not has_schema_privilege('cron', 'usage') then
    raise notice 'dreamlit: % may not use pg_cron (grant usage on schema cron); the senders will tick', current_user;
  elsif not exists (select from cron.job as j where j.jobname = 'dreamlit-worker-1' and j.database = current_database()) then
    perform cron.schedule('dreamlit-worker-1', '* * * * *', 'call dreamlit.work(70)');
    perform cron.schedule('dreamlit-prune-cron', '17 * * * *', $$delete from cron.job_run_details as d using cron.job as j
      where j.jobid = d.jobid and j.jobname like 'dreamlit-%' and d.end_time < now() - interval '1 day'$$);
  end if;
end;
$cron$;

commit;
