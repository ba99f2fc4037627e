-- Comments on columns that an older database has only after its migrations.
comment on column dreamlit._workflows.sandbox is 'Its messages are held until a person releases or discards them.';
comment on column dreamlit._workflows.redirect is
  'Where its messages go instead of to their recipients: {"email": address, "slack": channel}, either may be missing; null for '
  'nowhere else.';
comment on column dreamlit._releases.breaking is 'Whether senders of earlier releases must not work for a database of this release.';
comment on column dreamlit._senders.release is 'The release of dreamlit-pg that it runs; null where it is too old to say.';
comment on column dreamlit._held_messages.reason is 'uncertain: it may have arrived; sandbox: its workflow is in the sandbox.';
comment on column dreamlit._held_messages.claims is 'How often it had been claimed: the claims after its release count on from there.';
comment on column dreamlit._versions.unused_since is
  'When nothing was seen to use it any more: its functions go when all transactions of that moment have ended.';
comment on column dreamlit._versions.template_references is
  'What the version''s templates read, by step, for compiling it again; null where a release before 0.2.0 published it.';
comment on column dreamlit._versions.search_path is
  'The search_path under which it was published; null where a release before 0.2.0 published it.';
