-- The whole privilege model: four roles, nothing for anybody else. EXECUTE on each function stands in the function's own file.
grant usage on schema dreamlit to dreamlit_admin, dreamlit_sender, dreamlit_reader;
grant usage, create on schema dreamlit_workflows to dreamlit_admin;
grant usage on schema dreamlit_workflows to dreamlit_reader;
grant select on dreamlit.workflows, dreamlit.versions, dreamlit.runs, dreamlit.tasks, dreamlit.messages, dreamlit.attempts, dreamlit.event_log, dreamlit.health,
  dreamlit.alerts, dreamlit.activity, dreamlit.rates, dreamlit.topics, dreamlit.engagement, dreamlit.message_stats
  to dreamlit_admin, dreamlit_reader;
