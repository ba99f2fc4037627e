create or replace function dreamlit._give_back(p_channel text, p_message_ids bigint[]) returns void
language sql set search_path = pg_catalog, pg_temp as $$
  select dreamlit._requeue(dreamlit._outbox_queue(p_channel, l.lane), p_message_ids, array_fill(dreamlit._now(), array[cardinality(p_message_ids)]))
  from unnest(array['alert', 'urgent', 'bulk']) as l(lane)
  where p_message_ids <> '{}';
$$;
comment on function dreamlit._give_back(text, bigint[]) is 'Gives claimed messages of a channel back to their lanes, to be claimed again at once.';
