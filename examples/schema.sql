-- The application of the examples: a small blog with paying readers. It knows nothing of dreamlit.

create table users (
    user_id bigint generated always as identity primary key,
    email text,
    name text not null,
    plan text not null default 'free' constraint users_plan_known check (plan in ('free', 'team')),
    signed_up_at timestamptz not null default now(),
    onboarded_at timestamptz
);

create unique index users_email_key on users (lower(email));

create table posts (
    post_id bigint generated always as identity primary key,
    author_id bigint not null references users,
    title text not null,
    published_at timestamptz not null default now()
);

create table follows (
    post_id bigint not null references posts on delete cascade,
    follower_id bigint not null references users on delete cascade,
    primary key (post_id, follower_id)
);

create index follows_follower_id on follows (follower_id);

create table comments (
    comment_id bigint generated always as identity primary key,
    post_id bigint not null references posts on delete cascade,
    author_id bigint not null references users,
    body text not null,
    written_at timestamptz not null default now()
);

create index comments_post_id on comments (post_id, written_at);

create table payments (
    payment_id bigint generated always as identity primary key,
    user_id bigint not null references users,
    amount_cents integer not null constraint payments_amount_positive check (amount_cents > 0),
    currency text not null default 'EUR',
    card_last4 text not null,
    state text not null default 'pending'
        constraint payments_state_known check (state in ('pending', 'paid', 'failed')),
    failure text,
    created_at timestamptz not null default now()
);

create index payments_user_id on payments (user_id);
