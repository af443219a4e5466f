package redistest

import (
	"strconv"
	"strings"
	"testing"
)

// slots is how many slots a Redis Cluster has.
const slots = 16384

// StartCluster starts a Redis Cluster of three masters, and a replica of each: server 3 is that
// of server 0, and so on.
func StartCluster(t testing.TB) []*Server {
	t.Helper()
	var servers []*Server
	for range 6 {
		bus := FreePort(t)
		s := Start(t, "--cluster-enabled", "yes", "--cluster-node-timeout", "1000",
			"--cluster-port", strconv.Itoa(bus), "--cluster-replica-validity-factor", "0",
			"--repl-diskless-sync-delay", "0")
		s.BusPort = bus
		servers = append(servers, s)
	}
	ids := make([]string, len(servers))
	for i, s := range servers {
		ids[i], _ = s.must("CLUSTER", "MYID").(string)
		if i < 3 {
			first, last := i*slots/3, (i+1)*slots/3-1
			s.must("CLUSTER", "ADDSLOTSRANGE", strconv.Itoa(first), strconv.Itoa(last))
		}
		s.must("CLUSTER", "SET-CONFIG-EPOCH", strconv.Itoa(i+1))
	}
	for _, s := range servers[1:] {
		servers[0].must("CLUSTER", "MEET", "127.0.0.1", strconv.Itoa(s.Port), strconv.Itoa(s.BusPort))
	}
	AwaitCluster(t, servers)
	for i, s := range servers[3:] {
		await(t, "a replica", func() bool {
			_, err := s.Do("CLUSTER", "REPLICATE", ids[i])
			return err == nil
		})
	}
	for _, s := range servers[3:] {
		AwaitReplica(t, s)
	}
	return servers
}

// AwaitCluster waits until all servers serve all slots.
func AwaitCluster(t testing.TB, servers []*Server) {
	t.Helper()
	for _, s := range servers {
		await(t, "all servers to know each other", func() bool {
			info := s.Text("CLUSTER", "INFO")
			return strings.Contains(info, "cluster_known_nodes:6") && strings.Contains(info, "cluster_state:ok")
		})
	}
}

// AwaitReplica waits until a replica is in step with its master.
func AwaitReplica(t testing.TB, s *Server) {
	t.Helper()
	await(t, "a replica in step", func() bool {
		return strings.Contains(s.Text("INFO", "replication"), "master_link_status:up")
	})
}

// AwaitSentinel waits until a sentinel knows the replica of its master.
func AwaitSentinel(t testing.TB, s *Server) {
	t.Helper()
	await(t, "a sentinel that knows the replica", func() bool { return strings.Contains(s.Text("INFO"), "slaves=1") })
}

// Reshard moves the channels with a prefix from one master to another.
func Reshard(from, to *Server, prefix string) {
	from.t.Helper()
	fromID, toID := from.Text("CLUSTER", "MYID"), to.Text("CLUSTER", "MYID")
	for partition := range 128 {
		slot := strconv.Itoa(from.must("CLUSTER", "KEYSLOT", prefix+":"+strconv.Itoa(partition)).(int))
		if _, err := to.Do("CLUSTER", "SETSLOT", slot, "IMPORTING", fromID); err != nil {
			continue // it has the slot
		}
		if _, err := from.Do("CLUSTER", "SETSLOT", slot, "MIGRATING", toID); err != nil {
			to.must("CLUSTER", "SETSLOT", slot, "STABLE") // a third one has the slot
			continue
		}
		to.must("CLUSTER", "SETSLOT", slot, "NODE", toID)
		from.must("CLUSTER", "SETSLOT", slot, "NODE", toID)
	}
}
