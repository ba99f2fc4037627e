create or replace function dreamlit._due_at(p_step dreamlit._steps, p_now timestamptz) returns timestamptz
language sql stable as $$
  select case
    when p_step.kind = 'wait' and p_step.if_function is null and p_step.settings ? 'wait' then p_now + (p_step.settings ->> 'wait')::interval
    else p_now end;
$$;
comment on function dreamlit._due_at(dreamlit._steps, timestamptz) is
  'Returns when a task that arrives at a step is first due: at once, or after a plain wait.';
