// Package faulttest tests clusters of real servers under faults: nodes, brokers and networks
// that fail while messages are on their way. It has nothing but tests.
//
// Each node is a process of the test binary. NATS servers are such processes, too. Redis
// servers are those of the program redis-server. Each node reaches the servers of its broker
// through proxies of its own, so that a test can break its network.
//
// The nodes publish numbered messages. Each client notes what it gets: see account. After the
// fault, each message that a client has missed must have been reported.
package faulttest
