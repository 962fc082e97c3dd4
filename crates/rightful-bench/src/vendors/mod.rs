//! Both vendors as pre-rendered rows: answering costs little more than copying bytes, so that the measured program is what is measured.

mod intacct;
mod skynamo;
mod world;

use std::sync::Arc;
use std::time::Duration;

use rightful_sim::{SimHost, SimOptions, Simulator};

/// Serves both until standard input closes.
pub async fn serve(customers: usize, latency: Duration) -> Result<(), String> {
    let start = |simulator: Arc<dyn Simulator>| async move {
        SimHost::start(SimOptions::new(simulator).latency(latency)).await.map_err(|error| format!("cannot listen: {error}"))
    };
    let intacct = start(Arc::new(intacct::Intacct::new(customers))).await?;
    let skynamo = start(Arc::new(skynamo::Skynamo::new(customers))).await?;
    let ready = serde_json::json!({
        "intacct": intacct.base_url(), "intacct_origin": intacct.origin(),
        "skynamo": skynamo.base_url(), "skynamo_origin": skynamo.origin(),
        "codes": world::CODES, "users": world::USERS,
    });
    crate::print_line(&ready)?;
    tokio::task::spawn_blocking(|| std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink()))
        .await
        .map_err(|error| error.to_string())?
        .map_err(|error| error.to_string())?;
    intacct.stop().await;
    skynamo.stop().await;
    Ok(())
}
