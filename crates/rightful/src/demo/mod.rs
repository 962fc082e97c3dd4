//! `rightful demo`: whole jobs, played against simulators over real HTTP with a real store, and judged step by step.

#[cfg(feature = "serve")]
mod console;
mod crm_activity;
mod crm_stage;
mod crm_users;
mod rep_codes;
mod screen;
mod stage;
pub(crate) mod standing;
mod teller;

use std::path::Path;

use rightful_core::{Error, ErrorKind};
use rightful_sim::world::World;
use serde_json::{Value as Json, json};

use crate::cli::Global;
use crate::exit::Exit;
use crate::output;
use crate::registry;
use crate::verbs::Ended;
use crm_stage::CrmStage;
use stage::Stage;
use teller::Teller;

/// `demo`
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The job
    #[command(subcommand)]
    job: Job,
}

/// Jobs that can be played.
#[derive(Debug, clap::Subcommand)]
enum Job {
    /// Sage Intacct's rep codes decide who owns each Skynamo customer
    #[command(after_help = "Examples: rightful demo rep-codes\n          rightful demo rep-codes --seed 7 --customers 500 --keep")]
    RepCodes(RepCodes),
    /// Salesforce's users get accounts at SalesScreen: by hand, on demand, by themselves, all
    #[command(after_help = "Example: rightful demo crm-users --seed 7")]
    CrmUsers(Crm),
    /// Won deals in Salesforce are credited at SalesScreen, exactly once
    #[command(after_help = "Examples: rightful demo crm-activity\n          rightful demo crm-activity --seed 7 --keep")]
    CrmActivity(Crm),
    /// The console on stand-ins of both vendors, to look at and try out
    #[cfg(feature = "serve")]
    #[command(after_help = "Example: rightful demo console --customers 2000")]
    Console(console::Arguments),
}

/// `demo rep-codes`
#[derive(Clone, Copy, Debug, clap::Args)]
struct RepCodes {
    /// What the invented people and customers follow from
    #[arg(long, default_value_t = World::SEED)]
    seed: u64,
    /// How many customers Sage Intacct has
    #[arg(long, default_value_t = 2_600, value_parser = clap::value_parser!(u32).range(60..=1_000_000))]
    customers: u32,
    /// Leaves the store behind and says where
    #[arg(long)]
    keep: bool,
    /// Gives one customer to somebody else behind the program's back: the judge must see it and the demo fail
    #[arg(long, hide = true)]
    tamper: bool,
}

/// `demo crm-users`, `demo crm-activity`
#[derive(Clone, Copy, Debug, clap::Args)]
struct Crm {
    /// What the invented people and deals follow from
    #[arg(long, default_value_t = World::SEED)]
    seed: u64,
    /// Leaves the store behind and says where
    #[arg(long)]
    keep: bool,
    /// Takes a record out of SalesScreen behind the program's back: the judge must see it and the demo fail
    #[arg(long, hide = true)]
    tamper: bool,
}

/// The vendors the jobs need, by the features that bring them.
const REP_CODES: [&str; 2] = [stage::SOURCE, stage::TARGET];
const CRM: [&str; 2] = [crm_stage::SOURCE, crm_stage::TARGET];

/// Customers of the world that the CRM demos are played in.
const CRM_CUSTOMERS: usize = 60;

/// `rightful demo`
///
/// # Errors
/// Where a vendor is not compiled in, or a step could not be played at all.
pub async fn verb(global: &Global, arguments: Arguments) -> Ended {
    let (needed, name) = match &arguments.job {
        Job::CrmUsers(_) => (CRM, "crm-users"),
        Job::CrmActivity(_) => (CRM, "crm-activity"),
        _ => (REP_CODES, "rep-codes"),
    };
    let missing: Vec<&str> =
        needed.into_iter().filter(|vendor| registry::stand_ins().all(|(stand_in, _)| stand_in.vendor != *vendor)).collect();
    if !missing.is_empty() {
        return Err(Error::new(ErrorKind::Config, format!("this program carries no connector for {}", missing.join(" and ")))
            .hint(format!("build it with everything: cargo run --package rightful --features all -- demo {name}"))
            .into());
    }
    let chosen = match arguments.job {
        Job::RepCodes(chosen) => chosen,
        Job::CrmUsers(chosen) | Job::CrmActivity(chosen) => return crm(global, name, chosen).await,
        #[cfg(feature = "serve")]
        Job::Console(chosen) => return console::serve(global, &chosen).await,
    };
    let world = World::invent(chosen.seed, usize::try_from(chosen.customers).unwrap_or(World::CUSTOMERS));
    let mut teller = Teller::new(global.json);
    let mut stage = Stage::set(world, chosen.tamper).await?;
    let played = rep_codes::play(&mut stage, &mut teller).await;
    let kept = stage.close(chosen.keep).await?;
    played?;
    ended(global, &teller, kept.as_deref(), json!({ "job": name, "seed": chosen.seed, "customers": chosen.customers }))
}

/// Plays one of the demos of people and activities.
async fn crm(global: &Global, name: &str, chosen: Crm) -> Ended {
    let world = World::invent(chosen.seed, CRM_CUSTOMERS);
    let mut teller = Teller::new(global.json);
    let users = name == "crm-users";
    let integrations = if users { crm_users::INTEGRATIONS } else { crm_activity::INTEGRATIONS };
    let stage = CrmStage::set(world, integrations, chosen.tamper).await?;
    let played = if users { crm_users::play(&stage, &mut teller).await } else { crm_activity::play(&stage, &mut teller).await };
    let kept = stage.close(chosen.keep).await?;
    played?;
    ended(global, &teller, kept.as_deref(), json!({ "job": name, "seed": chosen.seed }))
}

/// Tells where the store was left, and the verdict.
fn ended(global: &Global, teller: &Teller, kept: Option<&Path>, view: Json) -> Ended {
    if let Some(folder) = kept {
        output::note(&format!(
            "The store and its configuration are in {0}. Look at them, for example: rightful --config {0}/rightful.toml runs",
            folder.display()
        ));
    }
    let failed = teller.failed();
    if global.json {
        let mut view = view;
        view["steps"] = json!(teller.told());
        view["holds"] = json!(failed == 0);
        output::data(&output::pretty(&view))?;
    } else {
        output::data(&teller.verdict())?;
    }
    Ok(if failed == 0 { Exit::Done } else { Exit::Error })
}
