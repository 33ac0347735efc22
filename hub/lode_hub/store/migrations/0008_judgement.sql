-- What an alert is about beyond its rule: by what it is grouped, what it costs, why nobody is told.

alter table alert add column cause text not null default '';      -- heat, hash, power, link, ...
alter table alert add column confidence real not null default 1;  -- how sure the detector is
alter table alert add column members text[] not null default '{}';  -- subjects of one event of many
alter table alert add column stake_usd_h real;                    -- money at stake; null: unknown
alter table alert add column untold text not null default '';     -- why nobody is told now
