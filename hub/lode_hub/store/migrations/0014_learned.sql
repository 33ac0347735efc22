-- The learned opinion on rigs: which models there were, and where a person lets one advise.
-- What a model has shown at a site so far is in judgement_state, by the detector `learned`.

-- The model that a hub started with last is at work.
create table learned_model (
    sha256 text primary key,
    card jsonb not null,                  -- what it is, of which data, how good, its limits
    started_at timestamptz not null,
    since timestamptz not null            -- when it took another's place, or was the first
);

-- What people let a model do at a site. Appended; the last since it took its place counts; none is
-- shadow.
create table learned_decision (
    id bigint generated always as identity primary key,
    site_id int not null references site,
    model_sha256 text not null references learned_model,
    stage text not null check (stage in ('shadow', 'advisory')),
    person text not null,
    at timestamptz not null,
    trial jsonb not null                  -- what it had shown by then
);
create index learned_decision_site on learned_decision (site_id, id);
