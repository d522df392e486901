create table products (id int primary key, name text not null, category text not null);
create table requirements (
  id int primary key, category text not null, title text not null, required_documents int not null
);
create table evidence (product_id int not null, requirement_id int not null, issued_on date not null);
create table users (id int primary key, email text not null unique);
create table user_permissions (user_id int not null, permission text not null, primary key (user_id, permission));
create table sessions (id int primary key, user_id int not null, last_seen_at timestamptz not null);

insert into products
  select n, 'Product ' || n, (array['medical', 'machinery', 'toys', 'radio'])[n % 4 + 1] from generate_series(1, 16) n;
insert into requirements
  select n, (array['medical', 'machinery', 'toys', 'radio'])[n % 4 + 1], 'Requirement ' || n, n % 3 + 1
    from generate_series(1, 400) n;
insert into evidence
  select p.id, r.id, date '2026-01-01' - (p.id * 7 + r.id + copy) % 900
    from products p join requirements r using (category), generate_series(0, r.id % 4) copy;
create index on evidence (product_id, requirement_id);
insert into users select n, 'user' || n || '@example.com' from generate_series(1, 50) n;
insert into user_permissions select id, 'compliance:read' from users where id <= 40;
insert into sessions select id, id, now() from users;

-- Stand-ins: the platform measured 50, 200 and 150 ms on data of its own size, which the sleeps make up for.
create view slow_sessions as
  with today as materialized (select pg_sleep(0.05)) select sessions.* from sessions, today;
create view slow_rules as
  with today as materialized (select pg_sleep(0.2))
  select p.id as product_id, p.category, r.id as requirement_id, r.title, r.required_documents,
         count(e.issued_on)::int as documents, max(e.issued_on)::text as latest_on
    from today, products p
    join requirements r using (category)
    left join evidence e on e.product_id = p.id and e.requirement_id = r.id
   group by p.id, r.id;
create view slow_permissions as
  with today as materialized (select pg_sleep(0.15)) select user_permissions.* from user_permissions, today;
