//! The connectors this build carries: one line per vendor.

use rightful_core::{Descriptor, nearest};

/// A vendor this workspace has a connector for.
#[derive(Clone, Copy, Debug)]
pub struct Vendor {
    /// Its id: the cargo feature, and the `vendor` of a connection.
    pub id: &'static str,
    /// Its connector, where it is compiled in.
    pub descriptor: Option<&'static Descriptor>,
    /// Its stand-in for the sandbox, with the connector.
    #[cfg(feature = "sandbox")]
    pub stand_in: Option<&'static rightful_sim::StandIn>,
}

macro_rules! vendors {
    ($(#[cfg(feature = $id:literal)] $connector:ident::DESCRIPTOR),* $(,)?) => {
        /// Every vendor, compiled in or not.
        pub static VENDORS: &[Vendor] = &[$(Vendor {
            id: $id,
            #[cfg(feature = $id)]
            descriptor: Some(&$connector::DESCRIPTOR),
            #[cfg(not(feature = $id))]
            descriptor: None,
            #[cfg(all(feature = $id, feature = "sandbox"))]
            stand_in: Some(&$connector::sim::STAND_IN),
            #[cfg(all(not(feature = $id), feature = "sandbox"))]
            stand_in: None,
        }),*];
    };
}

vendors! {
    #[cfg(feature = "sage-intacct")] connector_sage_intacct::DESCRIPTOR,
    #[cfg(feature = "skynamo")] connector_skynamo::DESCRIPTOR,
    #[cfg(feature = "salesscreen")] connector_salesscreen::DESCRIPTOR,
    #[cfg(feature = "salesforce")] connector_salesforce::DESCRIPTOR,
}

/// The connector of a vendor; what is unknown or left out is told: what is wrong, and what to do.
pub fn connector(id: &str, vendors: &[Vendor]) -> Result<&'static Descriptor, (String, String)> {
    let compiled: Vec<&str> = vendors.iter().filter(|vendor| vendor.descriptor.is_some()).map(|vendor| vendor.id).collect();
    let compiled = if compiled.is_empty() { "none".to_owned() } else { compiled.join(", ") };
    let Some(vendor) = vendors.iter().find(|vendor| vendor.id == id) else {
        let mend = match nearest(id, vendors.iter().map(|vendor| vendor.id)) {
            Some(near) => format!("did you mean `{near}`? (compiled in: {compiled})"),
            None => format!("compiled in: {compiled}; see `rightful connectors`"),
        };
        return Err((format!("there is no connector for a vendor `{id}`"), mend));
    };
    vendor.descriptor.ok_or_else(|| {
        (
            format!("the connector for `{id}` is not compiled into this program (compiled in: {compiled})"),
            format!("build it with the feature: cargo install --path crates/rightful --features {id}"),
        )
    })
}

/// The connectors compiled in.
pub fn connectors() -> impl Iterator<Item = &'static Descriptor> {
    VENDORS.iter().filter_map(|vendor| vendor.descriptor)
}

/// The stand-ins of the compiled connectors, each with its connector.
#[cfg(feature = "sandbox")]
pub fn stand_ins() -> impl Iterator<Item = (&'static rightful_sim::StandIn, &'static Descriptor)> {
    VENDORS.iter().filter_map(|vendor| vendor.stand_in.zip(vendor.descriptor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vendor_that_is_unknown_or_left_out_is_told_with_what_is_compiled_in_and_what_to_do() {
        let left_out = |id| Vendor {
            id,
            descriptor: None,
            #[cfg(feature = "sandbox")]
            stand_in: None,
        };
        let vendors: Vec<Vendor> = VENDORS.iter().copied().chain([left_out("acme")]).collect();
        let compiled: Vec<&str> = connectors().map(|descriptor| descriptor.id.as_str()).collect();
        let compiled = if compiled.is_empty() { "none".to_owned() } else { compiled.join(", ") };
        let told = |id| connector(id, &vendors).map(|descriptor| descriptor.id.as_str()).unwrap_err();
        let (message, mend) = told("acme");
        assert_eq!(message, format!("the connector for `acme` is not compiled into this program (compiled in: {compiled})"));
        assert!(mend.ends_with("--features acme"), "{mend}");
        assert_eq!(told("acmee").1, format!("did you mean `acme`? (compiled in: {compiled})"));
        assert!(told("hubspot").1.contains(&compiled), "{compiled}");
        for descriptor in connectors() {
            assert_eq!(connector(descriptor.id.as_str(), &vendors).map(|found| &found.id), Ok(&descriptor.id));
        }
    }

    /// The sandbox's configuration shows a newcomer what a real one looks like: beyond addresses and secrets it holds the same examples.
    #[cfg(feature = "sandbox")]
    #[test]
    fn a_stand_in_is_known_by_its_connectors_own_examples() {
        for (stand_in, descriptor) in stand_ins() {
            let open = stand_in.credentials.iter().filter(|credential| !credential.secret);
            let shown = open.map(|credential| (credential.key, credential.default)).chain(stand_in.settings.iter().copied());
            for (key, value) in shown {
                let setting = descriptor.setting(key).unwrap_or_else(|| panic!("{} has no setting `{key}`", descriptor.id));
                assert_eq!(value, setting.example, "{} `{key}`", descriptor.id);
            }
        }
    }
}
