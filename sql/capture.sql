-- The trigger functions of published workflows get this release's text. What whoever installs may not replace goes on as it is.
do $capture$
declare
  v_renewed record;
begin
  for v_renewed in select r.publisher, r.sql from dreamlit._renewed_capture() as r loop
    begin
      execute v_renewed.sql;
      perform dreamlit._grant_publisher(v_renewed.publisher);
    exception when insufficient_privilege then
      raise notice 'the trigger functions of % stay as they are: publish its workflows again to renew them', v_renewed.publisher;
    end;
  end loop;
end;
$capture$;
