create or replace view dreamlit.topics as
select t.topic, t.title, t.description,
  array(
    select distinct w.name from dreamlit._workflows as w join dreamlit._steps as s on s.version_id = w.version_id
    where w.state <> 'unpublished' and s.settings #>> '{templates,topic}' = t.topic order by w.name) as workflows,
  (select count(distinct p.address_hash) from dreamlit._preferences as p where p.topic = t.topic and not p.subscribed) as unsubscribed,
  t.created_at, t.changed_at
from dreamlit._topics as t;
comment on view dreamlit.topics is 'One row a topic: what emails that are not transactional belong to, and people may turn off.';
comment on column dreamlit.topics.topic is 'Its name, as steps write it.';
comment on column dreamlit.topics.title is 'What people read on the preferences page.';
comment on column dreamlit.topics.description is 'More of it for them; may be null.';
comment on column dreamlit.topics.workflows is 'The published workflows that send emails of it.';
comment on column dreamlit.topics.unsubscribed is 'How many people have turned it off, those who turned everything off not counted.';
comment on column dreamlit.topics.created_at is 'When it was made.';
comment on column dreamlit.topics.changed_at is 'When its title or description was last set.';
