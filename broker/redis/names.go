package redis

import (
	"hash/fnv"
	"strconv"
	"strings"
)

// partitions is how many partitions the channels have. The channels of one partition have the
// same slot in a Redis Cluster, so that one command subscribes to many of them. All nodes
// must have the same number.
const partitions = 128

// slots is how many slots a Redis Cluster has.
const slots = 16384

// names knows what the channels are called in Redis: "{prefix:partition}channel". Redis
// hashes what is between the braces.
type names struct {
	prefixes [partitions]string // with braces
	slots    [partitions]uint16
}

func newNames(prefix string) *names {
	n := new(names)
	for p := range partitions {
		tag := prefix + ":" + strconv.Itoa(p)
		n.prefixes[p] = "{" + tag + "}"
		n.slots[p] = crc16(tag) % slots
	}
	return n
}

// partitionOf returns the partition of a channel.
func partitionOf(channel string) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(channel))
	return int(h.Sum32() % partitions)
}

// name returns the name of a channel in Redis.
func (n *names) name(channel string) string { return n.prefixes[partitionOf(channel)] + channel }

// channelOf returns the channel of a name in Redis.
func channelOf(name string) string {
	_, channel, _ := strings.Cut(name, "}") // a prefix has no brace
	return channel
}

// crc16 is the checksum that Redis Cluster uses: CRC-16/XMODEM.
func crc16(text string) uint16 {
	var crc uint16
	for i := range len(text) {
		crc ^= uint16(text[i]) << 8
		for range 8 {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
	}
	return crc
}
