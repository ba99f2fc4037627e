alter table dreamlit._versions add column template_references jsonb, add column search_path text;
