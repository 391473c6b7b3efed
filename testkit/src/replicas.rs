//! A master, its replica, and a replica of that replica, with other settings than the master's.

use crate::server::{Server, ServerOptions};
use crate::state::assert_same_data;

/// Settings that nothing of a master's decisions may depend on.
pub fn other_settings() -> ServerOptions {
    Server::with()
        .config("analytics.timezone", "Pacific/Kiritimati")
        .config("analytics.dimension-capacity", "3")
        .config("analytics.max-future", "0")
        .config("analytics.retention-minute", "off")
        .config("analytics.retention-hour", "1h")
        .config("analytics.retention-day", "1d")
        .config("analytics.retention-week", "off")
        .config("analytics.retention-month", "1mo")
}

/// A master, its replica and the replica's replica.
pub struct ReplicaChain {
    pub master: Server,
    pub replica: Server,
    /// The replica of the replica.
    pub second_replica: Server,
}

impl ReplicaChain {
    pub fn of(master: ServerOptions) -> ReplicaChain {
        let master = master.start();
        let replica = other_settings().replica_of(&master).start();
        let second_replica = other_settings().replica_of(&replica).start();
        master.wait_for_replica(&replica);
        replica.wait_for_replica(&second_replica);
        ReplicaChain {
            master,
            replica,
            second_replica,
        }
    }

    pub fn start() -> ReplicaChain {
        ReplicaChain::of(Server::with())
    }

    #[track_caller]
    pub fn assert_agree(&self, after: &str) {
        self.master.wait_for_replica(&self.replica);
        self.replica.wait_for_replica(&self.second_replica);
        let mut ours = self.master.connection();
        assert_same_data(
            &mut ours,
            &mut self.replica.connection(),
            &format!("the replica after {after}"),
        );
        assert_same_data(
            &mut ours,
            &mut self.second_replica.connection(),
            &format!("its replica after {after}"),
        );
    }
}
