//! Both vendors as pre-rendered rows: answering costs little more than copying bytes, so that the measured program is what is measured.

mod intacct;
mod skynamo;
pub mod world;

use std::sync::Arc;
use std::time::Duration;

use rightful_sim::{SimHost, SimOptions, Simulator};

use world::World;

/// Serves this world so many times over, each time both vendors on ports of their own, until standard input closes.
pub async fn serve(world: World, instances: usize, latency: Duration) -> Result<(), String> {
    let start = |simulator: Arc<dyn Simulator>| async move {
        SimHost::start(SimOptions::new(simulator).latency(latency)).await.map_err(|error| format!("cannot listen: {error}"))
    };
    let mut running = Vec::new();
    let mut ready = Vec::new();
    for _ in 0..instances {
        let intacct = start(Arc::new(intacct::Intacct::new(world))).await?;
        let skynamo = start(Arc::new(skynamo::Skynamo::new(world))).await?;
        ready.push(serde_json::json!({
            "intacct": intacct.base_url(), "intacct_origin": intacct.origin(),
            "skynamo": skynamo.base_url(), "skynamo_origin": skynamo.origin(),
            "codes": world.codes, "users": world.users,
        }));
        running.extend([intacct, skynamo]);
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
