create or replace function dreamlit.set_rate(bucket text, per_second numeric, burst integer default null) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  c_buckets constant text[] := array['email', 'slack', 'smtp', 'smtp_fallback', 'resend', 'postmark', 'ses', 'sendgrid', 'mailgun'];
  v_burst constant integer := coalesce($3, ceil(greatest(least($2, 100000), 1))::integer);
begin
  if $1 is null or $1 <> all (c_buckets) then
    raise exception using errcode = 'DL002', message = format('there is no bucket %s', coalesce($1, 'null')),
      hint = coalesce(dreamlit._did_you_mean($1, c_buckets), format('use one of %s', array_to_string(c_buckets, ', ')));
  elsif $2 is not null and not ($2 > 0 and $2 <= 100000) then
    raise exception using errcode = 'DL001', message = format('the rate is %s a second', $2),
      hint = 'write a number of messages a second, more than 0 and at most 100000, or null for no limit';
  elsif v_burst not between 1 and 100000 then
    raise exception using errcode = 'DL001', message = format('the burst is %s', v_burst), hint = 'write a whole number from 1 to 100000';
  end if;
  if $2 is null then
    delete from dreamlit._buckets as b where b.name = $1;
  else
    insert into dreamlit._buckets as b (name, per_second, burst, tokens, refilled_at) values ($1, $2, v_burst, v_burst, dreamlit._now())
    on conflict on constraint _buckets_pkey do update set
      per_second = excluded.per_second, burst = excluded.burst, tokens = least(dreamlit._tokens(b), excluded.burst), refilled_at = excluded.refilled_at;
  end if;
  perform dreamlit._audit('set rate', p_detail => jsonb_build_object('bucket', $1, 'per_second', $2, 'burst', case when $2 is not null then v_burst end));
end;
$$;
comment on function dreamlit.set_rate(text, numeric, integer) is
  'Lets all senders together take at most per_second messages a second of a channel (email, slack) or for a provider (smtp, smtp_fallback, resend, '
  'postmark, ses, sendgrid, mailgun), and up to burst at once after a pause (a second''s worth, unless given); null lifts the limit. '
  'Works from the next claim on. Raises DL002 for another bucket, DL001 for a number out of range.';
grant execute on function dreamlit.set_rate(text, numeric, integer) to dreamlit_admin;
