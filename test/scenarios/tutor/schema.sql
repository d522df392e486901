create table learners (id int primary key, name text not null, time_zone text not null);
create table settings (learner_id int primary key, level text not null, language text not null, tone text not null);
create table activity (
  id bigint generated always as identity, learner_id int not null, occurred_at timestamptz not null, correct boolean not null
);
create index on activity (learner_id, occurred_at);

insert into learners select n, 'Learner ' || n, (array['Europe/Berlin', 'America/New_York', 'Asia/Tokyo'])[n % 3 + 1]
  from generate_series(1, 30) n;
insert into settings select id, 'A2', 'de', 'friendly' from learners;
