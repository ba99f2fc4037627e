create or replace function dreamlit._queues() returns table (queue text)
language sql immutable set search_path = pg_catalog, pg_temp as $$
  values ('dreamlit_events'), ('dreamlit_render'),
    ('dreamlit_email_alert'), ('dreamlit_email_urgent'), ('dreamlit_email_bulk'),
    ('dreamlit_slack_alert'), ('dreamlit_slack_urgent'), ('dreamlit_slack_bulk');
$$;
comment on function dreamlit._queues() is 'Returns the pgmq queues of the engine.';
