-- The whole policy on what becomes of a message, in one place. Not pinned, so that PostgreSQL
-- inlines it.
create or replace function dreamlit._verdict(p_outcome text, p_fault text, p_attempts integer, p_max_attempts integer, p_when_uncertain text, p_retry_after double precision)
returns text
language sql immutable as $$
  select case
    when p_outcome = 'started' then 'start'
    when p_outcome = 'sent' then 'sent'
    when p_outcome = 'released' then 'release'
    when p_fault = 'configuration' then 'block'
    when p_fault = 'transient' and p_retry_after > 0 then 'wait'
    when p_fault = 'recipient' then 'failed'
    when p_fault = 'unknown' and p_when_uncertain = 'hold' then 'uncertain'
    when p_attempts >= p_max_attempts then 'failed'
    else 'retry'
  end;
$$;
comment on function dreamlit._verdict(text, text, integer, integer, text, double precision) is
  'Returns what becomes of a message after its p_attempts-th attempt: start, sent, release (claim again at once), block (ours '
  'to mend: stop the channel, the attempt does not count), wait (the provider said for how long: stop '
  'the channel, the attempt does not count), failed, uncertain, retry.';
