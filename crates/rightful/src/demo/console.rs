//! `rightful demo console`: the sandbox, a ready configuration with its first runs behind it, and the console, until Ctrl-C.

use std::sync::Arc;

use rightful_sim::world::World;
use serde_json::{Map, Value as Json, json};
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::stage::Stage;
use crate::cli::Global;
use crate::exit::Exit;
use crate::output;
use crate::serve;
use crate::verbs::Ended;

/// `demo console`
#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    /// What the invented people and customers follow from
    #[arg(long, default_value_t = World::SEED)]
    seed: u64,
    /// How many customers Sage Intacct has
    #[arg(long, default_value_t = 600, value_parser = clap::value_parser!(u32).range(60..=100_000))]
    customers: u32,
    /// Where the console listens; 127.0.0.1:8080, or a free port where that is taken, unless said
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
}

/// Serves it all until somebody wants it to end.
///
/// # Errors
/// Where a port, a folder or the store cannot be had.
pub async fn serve(global: &Global, arguments: &Arguments) -> Ended {
    let mut stop = crate::stop::signal()?;
    let listener = match &arguments.listen {
        Some(address) => serve::listen(address).await?,
        None => match TcpListener::bind("127.0.0.1:8080").await {
            Ok(listener) => listener,
            Err(_) => serve::listen("127.0.0.1:0").await?,
        },
    };
    let world = World::invent(arguments.seed, usize::try_from(arguments.customers).unwrap_or(World::CUSTOMERS));
    let mut stage = Stage::set(world, false).await?;
    stage.settle_in().await?;
    let (sandbox, composition, folder) = stage.into_parts();
    let integration = composition.config.integrations.keys().next().cloned().unwrap_or_default();
    let vendors: Map<String, Json> =
        sandbox.served.iter().map(|served| (served.stand_in.vendor.to_owned(), served.running.base_url().to_string().into())).collect();
    let config = composition.config.file.display().to_string();
    let server = serve::Server::new(composition);
    let (tell, told) = watch::channel(false);
    let opened = serve::open(&server, listener, told).await?;
    let link = opened.link.clone().unwrap_or_default();
    if global.json {
        let told = json!({ "console": opened.address, "link": link, "integration": integration, "vendors": vendors, "config": config });
        output::data(&told.to_string())?;
    } else {
        output::data(&format!(
            "Rightful's console, on stand-ins of two vendors with {}.\n\n\
             Open this link once, choose a name and a password, and you are the admin:\n\n  {link}\n\n\
             Then: Integrations, {integration}. Give a code to somebody else, look at the preview, save, and run it now.\n\
             What stands in Skynamo: {}_sim/dump\n\
             The command line sees the same, in another terminal: rightful --config {config} codes list\n\n\
             Ctrl-C ends it, and everything is forgotten.\n",
            output::counted(u64::from(arguments.customers), "customer"),
            vendors.get(super::stage::TARGET).and_then(Json::as_str).map(origin).unwrap_or_default(),
        ))?;
    }
    stop.recv().await;
    tell.send_replace(true);
    opened.ended().await;
    sandbox.stop().await;
    drop(Arc::into_inner(server));
    folder.close().map_err(|error| output::io_error("the demo's folder cannot be removed", error))?;
    Ok(Exit::Done)
}

/// The address without its path, with a slash at its end.
fn origin(address: &str) -> String {
    url::Url::parse(address).and_then(|url| url.join("/")).map(|url| url.to_string()).unwrap_or_default()
}
