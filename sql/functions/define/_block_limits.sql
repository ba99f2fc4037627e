-- Slack's reference of Block Kit, in one list: what an object of a type may hold. Texts that are made of templates are measured
-- again when they are rendered, by the same numbers (python/dreamlit_pg/rendering/blocks.py; a test keeps the two equal).
create or replace function dreamlit._block_limits() returns table (type text, key text, kind text, most integer, required boolean)
language sql immutable set search_path = pg_catalog, pg_temp as $$
  values
    ('section', 'text', 'text', 3000, false), ('section', 'fields', 'texts', 10, false), ('section', 'accessory', 'element', null::integer, false),
    ('header', 'text', 'plain', 150, true),
    ('image', 'alt_text', 'string', 2000, true), ('image', 'image_url', 'string', 3000, false), ('image', 'title', 'plain', 2000, false),
    ('context', 'elements', 'context', 10, true),
    ('actions', 'elements', 'elements', 25, true),
    ('input', 'label', 'plain', 2000, true), ('input', 'hint', 'plain', 2000, false), ('input', 'element', 'element', null, true),
    ('markdown', 'text', 'string', 12000, true),
    ('video', 'alt_text', 'string', 2000, true), ('video', 'title', 'plain', 200, true), ('video', 'description', 'plain', 200, false),
    ('video', 'thumbnail_url', 'string', 3000, true), ('video', 'video_url', 'string', 3000, true), ('video', 'title_url', 'string', 3000, false),
    ('video', 'author_name', 'string', 50, false),
    ('file', 'external_id', 'string', null, true), ('file', 'source', 'string', null, true),
    ('rich_text', 'elements', 'list', null, true),
    ('table', 'rows', 'list', 100, true),
    ('button', 'text', 'plain', 75, true), ('button', 'url', 'string', 3000, false), ('button', 'value', 'string', 2000, false),
    ('button', 'accessibility_label', 'string', 75, false),
    ('static_select', 'placeholder', 'plain', 150, false), ('static_select', 'options', 'options', 100, false),
    ('multi_static_select', 'placeholder', 'plain', 150, false), ('multi_static_select', 'options', 'options', 100, false),
    ('users_select', 'placeholder', 'plain', 150, false), ('channels_select', 'placeholder', 'plain', 150, false),
    ('conversations_select', 'placeholder', 'plain', 150, false), ('external_select', 'placeholder', 'plain', 150, false),
    ('multi_users_select', 'placeholder', 'plain', 150, false), ('multi_channels_select', 'placeholder', 'plain', 150, false),
    ('multi_conversations_select', 'placeholder', 'plain', 150, false), ('multi_external_select', 'placeholder', 'plain', 150, false),
    ('overflow', 'options', 'options', 5, true), ('radio_buttons', 'options', 'options', 10, true), ('checkboxes', 'options', 'options', 10, true),
    ('datepicker', 'placeholder', 'plain', 150, false), ('timepicker', 'placeholder', 'plain', 150, false), ('datetimepicker', null, null, null, false),
    ('plain_text_input', 'placeholder', 'plain', 150, false), ('number_input', 'placeholder', 'plain', 150, false),
    ('email_text_input', 'placeholder', 'plain', 150, false), ('url_text_input', 'placeholder', 'plain', 150, false),
    ('workflow_button', 'text', 'plain', 75, true), ('divider', null, null, null, false);
$$;
comment on function dreamlit._block_limits() is
  'Returns what the blocks and elements of a Slack message hold: kind is text, plain (text), texts, string, element, elements, context, '
  'options or list; most counts characters or entries.';
grant execute on function dreamlit._block_limits() to dreamlit_admin;
