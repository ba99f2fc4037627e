-- Functions whose result has other columns now cannot be replaced in place.
drop function if exists dreamlit._claim_messages(text, integer, interval, text);
