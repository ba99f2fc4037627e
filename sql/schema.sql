create schema if not exists dreamlit authorization dreamlit_owner;
create schema if not exists dreamlit_workflows authorization dreamlit_owner;

comment on schema dreamlit is
  'The notification workflow engine. Views to read, functions to call; names that start with an underscore are private.';
comment on schema dreamlit_workflows is
  'What publishing compiles: the types and functions of each published version. Written by dreamlit.publish only.';

-- The form with IN SCHEMA would not take EXECUTE from PUBLIC.
alter default privileges for role dreamlit_owner revoke execute on functions from public;
