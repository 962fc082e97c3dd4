//! One function per call of the gateway.

use std::borrow::Cow;
use std::sync::Arc;

use futures::lock::Mutex;
use rightful_core::{Call, Client, Error, ErrorKind, Response, Result, Url};

use crate::formatting::Formatting;
use crate::inspect::{result_error, succeeded};
use crate::wire::{self, Counts, Envelope, Function, ResultHead, SESSION};
use crate::xml::{self, Sink};

/// The quota that pages and written records draw from (IN-14).
pub const TRANSACTIONS: &str = "transactions";

/// Calls to one company, at one level, as one user.
#[derive(Clone, Debug)]
pub struct Api {
    pub client: Client,
    pub base: Url,
    pub sender_id: String,
    pub user_id: String,
    pub formatting: Arc<Mutex<Option<Formatting>>>,
}

impl Api {
    /// Sends functions that each read a page of records (IN-11: as often as it takes).
    ///
    /// # Errors
    /// As the gateway answered; a function's failure is in the answer.
    pub async fn pages(&self, operation: &'static str, functions: &[Function]) -> Result<Response> {
        let pages = u32::try_from(functions.len()).unwrap_or(u32::MAX);
        let call = self.call(operation, false, functions)?.quota(TRANSACTIONS).cost(pages);
        self.client.call(call.idempotent()).await
    }

    /// Sends functions that each write a record: the gateway executes each control id once (IN-11). Never repeated by itself after an unclear end.
    ///
    /// # Errors
    /// As the gateway answered; a function's failure is in the answer.
    pub async fn write(&self, operation: &'static str, functions: &[Function]) -> Result<Response> {
        let records = u32::try_from(functions.len()).unwrap_or(u32::MAX);
        self.client.call(self.call(operation, true, functions)?.quota(TRANSACTIONS).cost(records)).await
    }

    fn call(&self, operation: &'static str, unique: bool, functions: &[Function]) -> Result<Call> {
        let body = wire::request(&self.sender_id, unique, SESSION, functions)?;
        Ok(Call::post(operation, self.base.clone()).body("application/xml", body))
    }

    /// How the API user sees moments; asked once.
    ///
    /// # Errors
    /// As the gateway answered; `Config` where the preferences are none we know.
    pub async fn formatting(&self) -> Result<Formatting> {
        const OPERATION: &str = "user formatting";
        let mut known = self.formatting.lock().await;
        if let Some(formatting) = &*known {
            return Ok(formatting.clone());
        }
        let fields = self.fields(OPERATION, wire::read_user_formatting(&self.user_id)?).await?;
        let text = |name: &str| fields.iter().find(|(field, _)| field == name).map_or("", |(_, text)| text);
        let formatting =
            Formatting::new(text("dateformat"), text("gmtoffset"), text("clock")).map_err(|error| error.operation(OPERATION))?;
        *known = Some(formatting.clone());
        Ok(formatting)
    }

    /// The LOCATIONID and the name of where the session stands; the id is empty at the top level.
    ///
    /// # Errors
    /// As the gateway answered.
    pub async fn entity(&self) -> Result<(String, String)> {
        let fields = self.fields("entity details", "<readEntityDetails/>".to_owned()).await?;
        let text = |name: &str| fields.iter().find(|(field, _)| field == name).map(|(_, text)| text.clone()).unwrap_or_default();
        Ok((text("id"), text("name")))
    }

    /// The fields of the first record that a call answers with.
    async fn fields(&self, operation: &'static str, call: String) -> Result<Vec<(String, String)>> {
        let response = self.client.call(self.call(operation, false, &[Function::new("f1", call)])?.idempotent()).await?;
        let mut fields = Fields::default();
        answer(&response, &["f1"], &mut fields).map_err(|error| error.operation(operation))?;
        Ok(fields.first)
    }
}

/// Reads an answer in which each of these functions succeeded.
///
/// # Errors
/// `Protocol` where it cannot be read; else the failure of the first function that failed.
pub fn answer<'a>(response: &'a Response, control_ids: &[&str], sink: &mut impl Sink<'a>) -> Result<Envelope> {
    let envelope = xml::whole(response.text()?, sink)?;
    if let Some(failed) = envelope.results_of(control_ids)?.into_iter().find(|result| !succeeded(&result.status)) {
        return Err(result_error(failed));
    }
    Ok(envelope)
}

/// The fields of the first record.
#[derive(Default)]
struct Fields {
    first: Vec<(String, String)>,
    is_over: bool,
}

impl<'a> Sink<'a> for Fields {
    fn data(&mut self, _: &ResultHead, _: Counts) -> Result<()> {
        Ok(())
    }

    fn field(&mut self, name: &str, text: Cow<'a, str>) -> Result<()> {
        if !self.is_over {
            self.first.push((name.to_owned(), text.into_owned()));
        }
        Ok(())
    }

    fn record(&mut self, _: &str) -> Result<()> {
        self.is_over = true;
        Ok(())
    }
}

/// The counts of a page do not fit what came.
pub fn miscounted(what: String) -> Error {
    Error::new(ErrorKind::Protocol, "the answer does not hold what it states").context(what).hint("run it again; if it stays, report it")
}
