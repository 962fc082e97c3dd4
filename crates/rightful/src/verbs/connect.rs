//! `rightful connect`: a person signs in at a connection's vendor, and what that brings is sealed.

use std::time::Duration;

use chrono::Utc;
use rightful_core::{ConnectionName, Error, ErrorKind, Result, Url};
use rightful_engine::{Act, AuditLog as _};
use serde_json::json;

use super::{Ended, author, open};
use crate::callback::Callback;
use crate::cli::{Connect, Global};
use crate::compose::Composition;
use crate::exit::Exit;
use crate::output;

/// `rightful connect`
pub async fn connect(global: &Global, arguments: &Connect) -> Ended {
    let author = author(arguments.author.as_deref())?;
    let composition = open(global).await?;
    let name = ConnectionName::new(arguments.connection.clone());
    let (way, context) = composition.web_sign_in(&name).await?;
    can_seal(&composition).await?;
    let callback = Callback::listen(arguments.port).await?;
    let asked = way.ask(callback.address());
    ask(global, arguments, asked.address(), callback.address())?;
    let placed = |error: Error| error.context(format!("connection `{name}`"));
    let code = callback.answer(&asked, Duration::from_secs(arguments.timeout_seconds)).await.map_err(placed)?;
    way.redeem(&code, &asked, &context).await.map_err(placed)?;
    composition.store.append(&Act::new(Utc::now(), author, "connection.connect", name.as_str())).await?;
    let next = format!("rightful preflight {name}");
    if global.json {
        output::data(&json!({ "connected": name, "next": next }).to_string())?;
    } else {
        output::data(&format!("Signed in for {name}; what keeps it signed in is sealed in the store.\nNext: {next}"))?;
    }
    Ok(Exit::Done)
}

/// Fails where what a sign-in brings could not be sealed: it is never kept in clear.
async fn can_seal(composition: &Composition) -> Result<()> {
    if composition.config.master_key.is_none() {
        return Err(Error::new(ErrorKind::Config, "a sign-in is only kept sealed, and no master key is configured")
            .context(composition.config.file.display().to_string())
            .hint("make one: rightful key new; then name where it is: master_key = { env = \"RIGHTFUL_MASTER_KEY\" }"));
    }
    composition.store.check_sealed().await
}

/// Tells where to sign in: the address is data, one that a script may open; what has to be known beside it is a remark.
fn ask(global: &Global, arguments: &Connect, address: &Url, redirect: &Url) -> Result<()> {
    if global.json {
        let line = json!({ "open": address.as_str(), "redirect_uri": redirect.as_str(), "timeout_seconds": arguments.timeout_seconds });
        return output::data(&line.to_string());
    }
    output::note(&format!(
        "The app at the vendor must have this callback address, letter by letter: {redirect}\n\
         Open the address below in a browser on this machine, and sign in as the user that Rightful shall act as.\n\
         Waiting {} s.",
        arguments.timeout_seconds
    ));
    output::data(address.as_str())
}
