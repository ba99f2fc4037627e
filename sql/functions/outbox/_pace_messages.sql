-- Slack takes about a message a second for a channel. The first for each goes now, the others wait in their queue a second
-- apart, at most a minute ahead: what is cancelled among them leaves no longer gap. The caller holds the lock of all paces.
create or replace function dreamlit._pace_messages(p_queue text, p_claimed dreamlit._claimed[], p_most integer) returns dreamlit._claimed[]
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_now constant timestamptz := dreamlit._now();
  v_pace constant interval := (dreamlit._setting('slack_pace') #>> '{}')::interval;
  v_kept dreamlit._claimed[];
  v_waiting bigint[];
  v_ready_at timestamptz[];
begin
  with given as (
    select c, c.message_id, hashtextextended(coalesce(c.content ->> 'channel', c.content ->> 'to', ''), 0) as place from unnest(p_claimed) as c
  ), known as (
    select g.place, max(p.next_at) as next_at, max(p.tail_at) filter (where p.queue = p_queue) as tail_at
    from (select distinct n.place from given as n) as g left join dreamlit._paces as p on p.place = g.place
    group by g.place
  ), ranked as (
    select g.c, g.message_id, g.place, k.tail_at, coalesce(k.next_at, v_now) <= v_now as free, greatest(k.next_at, v_now) as next_at,
      row_number() over (partition by g.place order by g.message_id) as n
    from given as g join known as k on k.place = g.place
  ), chosen as (
    select r.*, r.free and r.n = 1 as may_go, row_number() over (partition by r.free and r.n = 1 order by r.message_id) as k from ranked as r
  ), placed as (
    select r.*, r.may_go and r.k <= p_most as goes,
      case when r.may_go then v_now else least(greatest(r.next_at + case when r.free then v_pace else interval '0' end, r.tail_at + v_pace)
        + v_pace * (r.n - case when r.free then 2 else 1 end), v_now + interval '1 minute') end as ready_at
    from chosen as r
  ), noted as (
    insert into dreamlit._paces as p (place, queue, next_at, tail_at)
    select d.place, p_queue, max(case when d.goes then v_now + v_pace else d.next_at end),
      coalesce(max(d.ready_at) filter (where not d.may_go), max(d.tail_at), v_now)
    from placed as d group by d.place
    on conflict on constraint _paces_pkey do update set next_at = excluded.next_at, tail_at = excluded.tail_at
  )
  select array_agg(d.c order by d.message_id) filter (where d.goes),
    array_agg(d.message_id order by d.message_id) filter (where not d.goes), array_agg(d.ready_at order by d.message_id) filter (where not d.goes)
  into v_kept, v_waiting, v_ready_at
  from placed as d;
  if v_waiting is not null then
    perform dreamlit._requeue(p_queue, v_waiting, v_ready_at);
  end if;
  return v_kept;
end;
$$;
comment on function dreamlit._pace_messages(text, dreamlit._claimed[], integer) is
  'Returns those of the claimed Slack messages that may be posted now, one a channel and p_most in all, and lets the others wait '
  'for their turn.';
