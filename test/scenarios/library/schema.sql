create table heroes (id int primary key, name text not null, language text not null);
create table children (id int primary key, name text not null, language text not null, born_on text not null);
create table stories (
  id int primary key, hero_id int not null, child_id int not null, language text not null, title text not null,
  from_age int not null, to_age int not null, created_at timestamptz not null
);

insert into heroes select n, 'Hero ' || n, (array['de', 'en', 'uk'])[n % 3 + 1] from generate_series(1, 60) n;
insert into children
  select n, 'Child ' || n, (array['de', 'en', 'uk'])[n % 3 + 1], (date '2016-01-01' + n * 30)::text
    from generate_series(1, 60) n;
insert into stories
  select n, n % 60 + 1, n % 7 + 1, (array['de', 'en', 'uk'])[n % 3 + 1], 'Story ' || n, n % 5 + 3, n % 5 + 6,
         timestamptz '2026-01-01' - n * interval '1 hour'
    from generate_series(1, 3000) n;
