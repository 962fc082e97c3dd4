//! Vendors as pre-rendered rows: answering costs little more than copying bytes, so that the measured program is what is measured.

mod intacct;
pub mod salesforce;
mod salesscreen;
mod skynamo;
pub mod world;

use std::sync::Arc;
use std::time::Duration;

use rightful_sim::{RunningSim, SimHost, SimOptions, Simulator};

use world::World;

/// The vendors that there are.
const NAMES: &[&str] = &["intacct", "salesforce", "salesscreen", "skynamo"];

/// One vendor's side of a world.
pub async fn start(name: &str, world: World, latency: Duration) -> Result<RunningSim, String> {
    let simulator: Arc<dyn Simulator> = match name {
        "intacct" => Arc::new(intacct::Intacct::new(world)),
        "salesforce" => Arc::new(salesforce::Salesforce::new(world)),
        "salesscreen" => Arc::new(salesscreen::SalesScreen::default()),
        "skynamo" => Arc::new(skynamo::Skynamo::new(world)),
        other => return Err(format!("unknown vendor `{other}`: there are {}", NAMES.join(", "))),
    };
    SimHost::start(SimOptions::new(simulator).latency(latency)).await.map_err(|error| format!("cannot listen: {error}"))
}

/// Serves this world so many times over, each time these vendors on ports of their own, until standard input closes.
pub async fn serve(names: &[&str], world: World, instances: usize, latency: Duration) -> Result<(), String> {
    let mut running = Vec::new();
    let mut ready = Vec::new();
    for _ in 0..instances {
        let mut line = serde_json::json!({ "codes": world.codes, "users": world.users });
        for name in names {
            let vendor = start(name, world, latency).await?;
            line[*name] = vendor.base_url().into();
            line[format!("{name}_origin")] = vendor.origin().into();
            running.push(vendor);
        }
        ready.push(line);
    }
    crate::print_line(&ready.into())?;
    tokio::task::spawn_blocking(|| std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink()))
        .await
        .map_err(|error| error.to_string())?
        .map_err(|error| error.to_string())?;
    for one in running {
        one.stop().await;
    }
    Ok(())
}
