const net_level_info net_levels[NET_LEVEL_COUNT] = {
    {"100", 5000u, 0u, 2660u, 900u, 70u, -1.0f},
    {"37.5", 1800u, 16u, 2020u, 400u, 30u, 0.912500024f},
};

const net_cascade_step net_cascade[NET_LEVEL_COUNT] = {
    {0, NET_LEVEL_100},
    {26, NET_LEVEL_100},
};

NET_ALIGN16 const unsigned char net_model[NET_MODEL_BYTES] NET_DATA_ATTR 