alter table dreamlit._messages add column doubt jsonb;
alter type dreamlit._claimed add attribute asked_of text;
alter type dreamlit._result add attribute idempotent boolean, add attribute doubtful boolean;

-- Functions whose result has other columns now cannot be replaced in place.
drop function if exists dreamlit._claim_messages(text, integer, interval, text);
