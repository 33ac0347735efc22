-- How long each divided table is kept, as the settings of the hub that started last say. A table
-- without a row is kept as lode_hub.store.partitions.TABLES says.
create table retention (
    name text primary key,
    days int not null
);
