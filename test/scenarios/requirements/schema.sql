create table users (id int primary key, email text not null unique, is_admin boolean not null);
create table preferences (user_id int primary key, language text not null, page_size int not null);
create table features (id int primary key, project_id int not null, name text not null);
create table requirements (
  id int primary key, feature_id int not null references features, version int not null default 1,
  title text not null, document jsonb not null
);
create table test_results (requirement_id int not null, executed_at timestamptz not null, has_passed boolean not null);

insert into users select n, 'user' || n || '@example.com', n = 1 from generate_series(1, 20) n;
insert into preferences select id, 'en', 20 from users;
insert into features select n, (n - 1) / 20 + 1, 'Feature ' || n from generate_series(1, 200) n;
insert into requirements (id, feature_id, title, document)
  select n, (n - 1) / 10 + 1, 'Requirement ' || n,
         jsonb_build_object('priority', case when n % 10 = 0 then 'whenever' else 'must' end, 'rationale', 'Reason ' || n)
    from generate_series(1, 2000) n;
insert into test_results
  select n % 2000 + 1, timestamptz '2026-01-01' - n * interval '7 minutes', n % 7 <> 0 from generate_series(1, 150000) n;
create index on requirements (feature_id);

-- What the latest run of each test says about a project.
create view coverage as
  select f.project_id, f.id as feature_id, f.name, count(*)::int as requirements,
         count(*) filter (where latest.has_passed)::int as passed
    from features f
    join requirements r on r.feature_id = f.id
    left join (
      select distinct on (requirement_id) requirement_id, has_passed
        from test_results order by requirement_id, executed_at desc
    ) latest on latest.requirement_id = r.id
   group by f.id;
