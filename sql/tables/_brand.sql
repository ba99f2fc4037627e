create table if not exists dreamlit._brand (
  one boolean primary key default true,
  brand jsonb not null,
  set_at timestamptz not null,
  constraint _brand_one_check check (one)
);
comment on table dreamlit._brand is 'The brand that templates know as brand: one row, or none; what it leaves out has a default.';
