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
