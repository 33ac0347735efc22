-- What detectors remember of a site, written each minute, so that who goes on need not learn anew.
create table judgement_state (
    site_id int not null references site,
    detector text not null,               -- peers, series
    version int not null,                 -- of what is in it; another version is not read
    at timestamptz not null,              -- what was known then
    state bytea not null,                 -- compressed
    primary key (site_id, detector)
);
alter table judgement_state alter column state set storage external;  -- it does not shrink further
