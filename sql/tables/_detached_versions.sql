create table if not exists dreamlit._detached_versions (
  version_id bigint primary key references dreamlit._versions
);
comment on table dreamlit._detached_versions is
  'Versions whose compiled functions are gone while their transaction changes the schema. No transaction with a row here can commit.';
