-- Everything that an installation makes, in this order, in one transaction. dreamlit install runs it; dreamlit install --print
-- prints it whole. Tables are made once and changed by migrations; everything below them is made anew each time. Pinned first of
-- all: whoever installs may be a superuser, and in the schema public anybody may have put a function called format.
set local search_path = pg_catalog, pg_temp;
select pg_advisory_xact_lock(hashtext('dreamlit'), hashtext('install'));
\ir prerequisites.sql
\ir roles.sql
\ir schema.sql
\ir queues.sql

set local role dreamlit_owner;
-- Function bodies may name what comes further down.
set local check_function_bodies = off;

\ir tables/_releases.sql
\ir release.sql
\ir tables/_migrations.sql
\ir tables/_settings.sql
\ir tables/_workflows.sql
\ir tables/_versions.sql
\ir tables/_steps.sql
\ir tables/_runs.sql
\ir tables/_run_history.sql
\ir tables/_tasks.sql
\ir tables/_task_history.sql
\ir tables/_messages.sql
\ir tables/_attempts.sql
\ir tables/_ignored_events.sql
\ir tables/_uncertain_messages.sql
\ir tables/_channels.sql
\ir tables/_senders.sql
\ir tables/_workers.sql
\ir tables/_chores.sql
\ir types.sql
@@migrations@@

\ir functions/maintain/_now.sql

\ir functions/maintain/_setting_defaults.sql
\ir functions/maintain/_setting.sql

\ir views/_outbox.sql

\ir functions/maintain/_drop_old_partitions.sql
\ir functions/maintain/_ensure_partitions.sql
\ir functions/maintain/_housekeep.sql
\ir functions/maintain/_partitioned_tables.sql
\ir functions/maintain/_queues.sql

\ir functions/define/_as_list.sql
\ir functions/define/_begin_version.sql
\ir functions/define/_check_call_fields.sql
\ir functions/define/_check_definition.sql
\ir functions/define/_check_email.sql
\ir functions/define/_check_keys.sql
\ir functions/define/_check_slack.sql
\ir functions/define/_check_step.sql
\ir functions/define/_check_step_options.sql
\ir functions/define/_check_table.sql
\ir functions/define/_check_template_uses.sql
\ir functions/define/_check_texts.sql
\ir functions/define/_check_tree.sql
\ir functions/define/_check_trigger.sql
\ir functions/define/_check_uses.sql
\ir functions/define/_check_wait.sql
\ir functions/define/_choose_columns.sql
\ir functions/define/_compile_anchor.sql
\ir functions/define/_compile_condition.sql
\ir functions/define/_compile_expression.sql
\ir functions/define/_compile_payload.sql
\ir functions/define/_compile_query.sql
\ir functions/define/_compile_step.sql
\ir functions/define/_compile_trigger.sql
\ir functions/define/_compile_version.sql
\ir functions/define/_compiled.sql
\ir functions/define/_create_function.sql
\ir functions/define/_create_item_function.sql
\ir functions/define/_create_type.sql
\ir functions/define/_did_you_mean.sql
\ir functions/define/_distinct_faults.sql
\ir functions/define/_drop_compiled.sql
\ir functions/define/_drop_unused_versions.sql
\ir functions/define/_edit_distance.sql
\ir functions/define/_grant_publisher.sql
\ir functions/define/_hint_for.sql
\ir functions/define/_list_steps.sql
\ir functions/define/_list_uses.sql
\ir functions/define/_nearest.sql
\ir functions/define/_object_name.sql
\ir functions/define/_order_steps.sql
\ir functions/define/_primary_key.sql
\ir functions/define/_probe.sql
\ir functions/define/_probe_expression.sql
\ir functions/define/_publish.sql
\ir functions/define/_raise_faults.sql
\ir functions/define/_read_references.sql
\ir functions/define/_resolve_table.sql
\ir functions/define/_run_ddl.sql
\ir functions/define/_save_version.sql
\ir functions/define/_scope_sql.sql
\ir functions/define/_set_workflow_state.sql
\ir functions/define/_sql_references.sql
\ir functions/define/_step_settings.sql
\ir functions/define/_table_columns.sql
\ir functions/define/_unwatch.sql
\ir functions/define/_watch_table.sql
\ir functions/define/_workflow.sql
\ir functions/define/pause.sql
\ir functions/define/publish.sql
\ir functions/define/resume.sql
\ir functions/define/unpublish.sql

\ir functions/capture/_attach_triggers.sql
\ir functions/capture/_changed_sql.sql
\ir functions/capture/_compile_capture.sql
\ir functions/capture/_enqueue.sql
\ir functions/capture/_event_function.sql
\ir functions/capture/_event_sql.sql
\ir functions/capture/_names_sql.sql
\ir functions/capture/_readable.sql
\ir functions/capture/_row_arguments.sql
\ir functions/capture/_row_sql.sql
\ir functions/capture/_row_trigger_function.sql
\ir functions/capture/_run_soon.sql
\ir functions/capture/_same_names_sql.sql
\ir functions/capture/_statement_queries.sql
\ir functions/capture/_statement_trigger_function.sql
\ir functions/capture/_takes_row_trigger.sql
\ir functions/capture/_trigger_function_name.sql
\ir functions/capture/_when_sql.sql

\ir functions/launch/_check_payload.sql
\ir functions/launch/_due_at.sql
\ir functions/launch/_launch_runs.sql
\ir functions/launch/start.sql

\ir functions/advance/_advance.sql
\ir functions/advance/_advance_message.sql
\ir functions/advance/_advance_query.sql
\ir functions/advance/_advance_trigger.sql
\ir functions/advance/_advance_wait.sql
\ir functions/advance/_due_steps.sql
\ir functions/advance/_fail_captured.sql
\ir functions/advance/_fail_task.sql
\ir functions/advance/_finish_runs.sql
\ir functions/advance/_on_duty.sql
\ir functions/advance/_pass_condition.sql
\ir functions/advance/_retry_at.sql
\ir functions/advance/_run_step.sql
\ir functions/advance/_settle.sql
\ir functions/advance/_trigger_items.sql
\ir functions/advance/_try_step.sql
\ir functions/advance/_work_unit.sql
\ir functions/advance/_working_time.sql
\ir functions/advance/tick.sql
\ir functions/advance/work.sql

\ir functions/render/_renderer.sql
\ir functions/render/_request_rendering.sql
\ir functions/render/_render.sql
\ir functions/render/_template_files.sql
\ir functions/render/_template_references.sql

\ir functions/outbox/_address.sql
\ir functions/outbox/_block_channels.sql
\ir functions/outbox/_check_results.sql
\ir functions/outbox/_claim_messages.sql
\ir functions/outbox/_claim_renderings.sql
\ir functions/outbox/_dequeue.sql
\ir functions/outbox/_lease_sql.sql
\ir functions/outbox/_lock_outbox.sql
\ir functions/outbox/_mark_started.sql
\ir functions/outbox/_outbox_queue.sql
\ir functions/outbox/_post_messages.sql
\ir functions/outbox/_read_results.sql
\ir functions/outbox/_reap.sql
\ir functions/outbox/_record_attempts.sql
\ir functions/outbox/_record_messages.sql
\ir functions/outbox/_report_messages.sql
\ir functions/outbox/_report_renderings.sql
\ir functions/outbox/_requeue.sql
\ir functions/outbox/_see_sender.sql
\ir functions/outbox/_settle_messages.sql
\ir functions/outbox/_verdict.sql
\ir functions/outbox/claim.sql
\ir functions/outbox/report.sql

\ir functions/operate/_cancel_messages.sql
\ir functions/operate/_cancel_tasks.sql
\ir functions/operate/_examine_cron.sql
\ir functions/operate/_examine_engine.sql
\ir functions/operate/_examine_functions.sql
\ir functions/operate/_examine_installation.sql
\ir functions/operate/_examine_triggers.sql
\ir functions/operate/_examine_workflows.sql
\ir functions/operate/_finished_state.sql
\ir functions/operate/_follows_rename.sql
\ir functions/operate/_queue_again.sql
\ir functions/operate/_reopen_run.sql
\ir functions/operate/_setting_fault.sql
\ir functions/operate/_take_held.sql
\ir functions/operate/cancel_run.sql
\ir functions/operate/discard.sql
\ir functions/operate/doctor.sql
\ir functions/operate/release.sql
\ir functions/operate/retry_run.sql
\ir functions/operate/set_setting.sql
\ir functions/operate/settings.sql
\ir functions/operate/steps.sql
\ir functions/operate/triggers.sql
\ir functions/operate/version.sql

\ir views/workflows.sql
\ir views/runs.sql
\ir views/tasks.sql
\ir views/messages.sql
\ir views/attempts.sql
\ir views/event_log.sql
\ir views/health.sql
\ir grants.sql

reset role;
-- plpython3u is an untrusted language: only a superuser can make functions in it.
\ir functions/render/_run_python.sql
\ir stale.sql
\ir renderer.sql
select dreamlit._ensure_partitions();
\ir cron.sql
