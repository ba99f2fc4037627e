create or replace function dreamlit._outbox_queue(p_channel text, p_lane text) returns text
language sql immutable parallel safe as $$
  select 'dreamlit_' || p_channel || '_' || p_lane;
$$;
comment on function dreamlit._outbox_queue(text, text) is 'Returns the pgmq queue of a channel''s lane.';
