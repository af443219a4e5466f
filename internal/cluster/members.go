package cluster

// AddRoom notes that this node has one more member of a room.
func (c *Cluster) AddRoom(room string) { c.add(roomPrefix, room) }

// AddUser notes that this node has one more connection of a user.
func (c *Cluster) AddUser(user string) { c.add(userPrefix, user) }

// AddID notes that this node has a connection of this ID. It does nothing for an ID of NewID.
func (c *Cluster) AddID(id string) {
	if c.nodeOf(id) == "" {
		c.add(roomPrefix, id)
	}
}

// RemoveRoom reverses AddRoom.
func (c *Cluster) RemoveRoom(room string) { c.remove(roomPrefix, room) }

// RemoveUser reverses AddUser.
func (c *Cluster) RemoveUser(user string) { c.remove(userPrefix, user) }

// RemoveID reverses AddID.
func (c *Cluster) RemoveID(id string) {
	if c.nodeOf(id) == "" {
		c.remove(roomPrefix, id)
	}
}

func (c *Cluster) add(prefix, name string) {
	if !c.interests.add(channel(prefix, name), name) {
		return
	}
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

func (c *Cluster) remove(prefix, name string) {
	c.interests.remove(channel(prefix, name), name, c.now())
}
