create table accounts (id int primary key, name text not null, email text not null, password_hash text not null);
create table subscriptions (account_id int primary key, plan text not null, renews_on date not null, card_token text not null);
create table analyses (
  id int primary key, account_id int not null, address text not null, created_at timestamptz not null, report jsonb not null
);
create table conversations (id int primary key, account_id int not null, subject text not null, messages int not null);
create table usage_events (account_id int not null, kind text not null, occurred_at timestamptz not null default now());
create index on analyses (account_id, created_at);

insert into accounts select n, 'Account ' || n, 'owner' || n || '@example.com', 'scrypt$' || n from generate_series(1, 20) n;
insert into subscriptions select id, 'basic', date '2027-01-01', 'card_' || id from accounts;
insert into analyses
  select n, n % 20 + 1, n || ' Main Street', timestamptz '2026-01-01' - n * interval '1 hour',
         jsonb_build_object('price', 200000 + n * 100, 'rent', 800 + n % 700, 'comparables', to_jsonb(array(
           select 200000 + n * 100 + k * 37 from generate_series(1, 50) k)))
    from generate_series(1, 2000) n;
insert into conversations select n, n % 20 + 1, 'Question ' || n, 3 from generate_series(1, 200) n;
insert into usage_events (account_id, kind)
  select n % 20 + 1, (array['analysis', 'message', 'login'])[n % 3 + 1] from generate_series(1, 20000) n;
